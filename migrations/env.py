"""Alembic's entry: runs the migrations on the database of the settings, in one transaction."""

from alembic import context
from sqlalchemy import create_engine, event

from service.settings import Settings
from service.storage import tables

_WAIT_SECONDS = 60
_LOCK = int.from_bytes(b"firsthnd", "big", signed=True)


def run() -> None:
    url = context.config.attributes.get("url") or Settings().url
    # of two that migrate an embedded database at once, the second waits for the first
    engine = create_engine(url, connect_args={"timeout": _WAIT_SECONDS} if url.startswith("sqlite") else {})
    if engine.dialect.name == "sqlite":
        # whole or not at all, and one at a time: the driver would commit each CREATE TABLE by itself
        event.listen(engine, "connect", lambda connection, _: setattr(connection, "isolation_level", None))
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    with engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            # a migration that cannot have its locks soon gives up, before all readers queue behind it
            connection.exec_driver_sql("SET lock_timeout = '10s'")
            connection.commit()
        context.configure(
            connection=connection,
            target_metadata=tables.metadata,
            transactional_ddl=True,
            include_name=lambda name, kind, _: not (kind == "table" and tables.is_partition(name or "")),
            claim_partitions=context.config.attributes.get("claim_partitions", 1),
        )
        with context.begin_transaction():
            if connection.dialect.name == "postgresql":
                # of two that migrate at once, the second waits, and finds it done
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
            context.run_migrations()
    engine.dispose()


run()
