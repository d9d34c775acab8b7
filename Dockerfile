# The registry alone: no torch, no simulator. The simulator and the tests run from a clone.
# The digest is that of the index of all platforms of this tag on 2026-08-18, with Python 3.11.16. To renew it, run
# `docker buildx imagetools inspect python:3.11-slim-trixie`, and use the digest that it prints.
FROM python:3.11-slim-trixie@sha256:9c900dea9e8fb7e16277c179b555cc72d29a352dbc33cff48ad5a0412fd5bfc7

RUN useradd --uid 10001 --create-home firsthand \
    && mkdir /data \
    && chown firsthand: /data

WORKDIR /app
COPY pyproject.toml requirements-service.txt README.md ./
COPY firsthand firsthand
COPY migrations migrations
COPY service service
# pip refuses a package whose hash is not in this file.
RUN pip install --no-cache-dir --require-hashes --requirement requirements-service.txt
# Editable, because the wheel holds the package firsthand alone: the service runs from this folder.
RUN pip install --no-cache-dir --no-deps --no-build-isolation --editable .

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
