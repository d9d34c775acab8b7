"""Revisions of the schema of the database: the current one, the one that this version needs, and the upgrade."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import psycopg
from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy.orm import Session

from service.settings import Settings
from service.storage import private_files
from service.storage.engine import Database, claim_partitions_of, revision

Result = TypeVar("Result")


class WrongEncoding(Exception):
    """The encoding of the PostgreSQL database is not UTF-8, so it cannot store every text."""


_MIGRATIONS = Path(__file__).parents[2] / "migrations"


def config(settings: Settings) -> Config:
    """Return the configuration for the commands of Alembic, for tasks that `firsthand migrate` cannot do."""
    made = Config()
    made.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    made.set_main_option("file_template", "%%(year)d%%(month).2d%%(day).2d_%%(slug)s")
    made.attributes["url"], made.attributes["connect_args"] = settings.url, settings.connect_args
    made.attributes["claim_partitions"] = settings.claim_partitions
    return made


def needed(settings: Settings) -> str:
    """Return the revision that this version needs."""
    return ScriptDirectory.from_config(config(settings)).get_current_head() or ""


def upgrade(settings: Settings) -> tuple[str | None, str]:
    """Upgrade the database to the revision that this version needs. Return (revision before, revision after).

    An embedded database is created if it does not exist. Raises WrongEncoding for a PostgreSQL database whose encoding
    is not UTF-8.
    """
    if settings.embedded:
        private_files.make_folder(settings.data_dir)
        private_files.make_file(settings.database_file)
    check_encoding(settings)
    before = current(settings)
    command.upgrade(config(settings), "head")
    return before, needed(settings)


def claim_partitions(settings: Settings) -> int:
    """Return the number of partitions of the claims table of a migrated database; 1 if it is not partitioned."""
    return _read(settings, claim_partitions_of)


def current(settings: Settings) -> str | None:
    """Return the revision of the database, or None if it was never migrated or, on SQLite, does not exist."""
    if settings.embedded and not settings.database_file.exists():
        return None
    return _read(settings, revision)


def check_encoding(settings: Settings) -> None:
    """Raise WrongEncoding for a PostgreSQL database whose encoding is not UTF-8.

    This uses the driver directly: if a database has no encoding (SQL_ASCII), SQLAlchemy cannot read the first answer.
    """
    if settings.embedded:
        return
    address = settings.url.set(drivername="postgresql").render_as_string(hide_password=False)
    try:
        with psycopg.connect(address) as connection:
            encoding = connection.info.parameter_status("server_encoding")
    except psycopg.OperationalError:
        return  # the next connection fails too, and raises the error
    if encoding != "UTF8":
        raise WrongEncoding(
            f"The database {settings.shown_url} has the encoding {encoding}; a registry needs UTF8, because titles and "
            "names can have any character. Create another database, for example with: "
            "CREATE DATABASE firsthand ENCODING 'UTF8' TEMPLATE template0"
        )


def _read(settings: Settings, question: Callable[[Session], Result]) -> Result:
    """Return the result of `question`, called with a session on a new connection."""
    database = Database(settings)
    try:
        with database.reads() as session:
            return question(session)
    finally:
        database.close()
