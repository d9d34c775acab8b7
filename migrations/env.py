"""The entry point for Alembic. It runs the migrations on the database of the settings, in one transaction."""

from alembic import context
from sqlalchemy import NullPool, create_engine, event

from service.settings import Settings
from service.storage import tables

_WAIT_SECONDS = 60
_LOCK = int.from_bytes(b"firsthnd", "big", signed=True)


def run() -> None:
    """Run the migrations.

    The address of the database comes from `service.storage.migrate` or, for the commands of Alembic, from the settings.
    """
    given = context.config.attributes
    settings = Settings() if "url" not in given else None
    url = given["url"] if settings is None else settings.url
    connect_args = given.get("connect_args", {}) if settings is None else settings.connect_args
    # if two processes migrate an embedded database at once, the second one waits for the first
    sqlite = url.get_backend_name() == "sqlite"
    arguments = {"timeout": _WAIT_SECONDS} if sqlite else connect_args
    engine = create_engine(url, poolclass=NullPool, connect_args=arguments)  # also closed if a migration fails
    if sqlite:
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
                # if two processes migrate at the same time, the second one waits, and then has nothing to do
                connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
            context.run_migrations()


run()
