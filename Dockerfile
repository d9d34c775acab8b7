# The registry alone: no torch, no simulator. The simulator and the tests run from a clone.
FROM python:3.11-slim

RUN useradd --uid 10001 --create-home firsthand \
    && mkdir /data \
    && chown firsthand: /data

WORKDIR /app
COPY pyproject.toml constraints.txt README.md ./
COPY firsthand firsthand
COPY migrations migrations
COPY service service
# Editable, because the wheel holds the package firsthand alone: the service runs from this folder.
RUN pip install --no-cache-dir --constraint constraints.txt --editable '.[service]'

USER firsthand
# /data keeps the embedded database, where no FIRSTHAND_DATABASE_URL is given, and the first key.
ENV FIRSTHAND_HOST=0.0.0.0 \
    FIRSTHAND_PORT=8734 \
    FIRSTHAND_DATA_DIR=/data \
    FIRSTHAND_CONFIG_DIR=/data \
    FIRSTHAND_LOG_FORMAT=json \
    FIRSTHAND_MIGRATE_ON_START=false
VOLUME /data
EXPOSE 8734
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f'http://127.0.0.1:{os.environ[\"FIRSTHAND_PORT\"]}/healthz', timeout=4)"]
ENTRYPOINT ["firsthand"]
CMD ["serve"]
