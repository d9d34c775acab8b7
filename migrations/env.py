"""The entry point for Alembic. It runs the migrations on the database of the settings, in one transaction."""

from alembic import context
from sqlalchemy import create_engine, event

from service.settings import Settings
from service.storage import tables

_WAIT_SECONDS = 60
_LOCK = int.from_bytes(b"firsthnd", "big", signed=True)


def run() -> None:
    """Run the migrations.

    The address of the database comes from `service.storage.migrate` or, for the commands of Alembic, from the settings.
    """
    url = context.config.attributes.get("url") or Settings().url
    # if two processes migrate an embedded database at once, the second one waits for the first
    engine = create_engine(url, connect_args={"timeout": _WAIT_SECONDS} if url.startswith("sqlite") else {})
    if engine.dialect.name == "sqlite":
        # all migrations run in one transaction, one process at a time; by default, the driver commits each CREATE TABLE
        event.listen(engine, "connect", lambda connection, _: setattr(connection, "isolation_level", None))
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    with engine.connect() as connection:
        if connection.dialect.name == "postgresql":
            # a migration that does not get its locks within 10 s fails; otherwise all readers would have to wait for it
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
                # if two processes migrate at once, the second one waits, and then has nothing to do
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
            context.run_migrations()
    engine.dispose()


run()
