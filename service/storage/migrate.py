"""Revisions of the schema of the database: the current one, the one that this version needs, and the upgrade."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy.orm import Session

from service.settings import Settings
from service.storage.engine import Database, claim_partitions_of, revision

Result = TypeVar("Result")

_MIGRATIONS = Path(__file__).parents[2] / "migrations"


def config(settings: Settings) -> Config:
    """Return the configuration for the commands of Alembic. Use them for tasks that `firsthand migrate` cannot do."""
    made = Config()
    made.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    made.set_main_option("file_template", "%%(year)d%%(month).2d%%(day).2d_%%(slug)s")
    made.attributes["url"], made.attributes["claim_partitions"] = settings.url, settings.claim_partitions
    return made


def needed(settings: Settings) -> str:
    """Return the revision that this version needs."""
    return ScriptDirectory.from_config(config(settings)).get_current_head() or ""


def upgrade(settings: Settings) -> tuple[str | None, str]:
    """Upgrade the database to the revision that this version needs. Returns (revision before, revision after).

    An embedded database is created if it does not exist.
    """
    if settings.embedded:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    before = current(settings)
    command.upgrade(config(settings), "head")
    return before, needed(settings)


def claim_partitions(settings: Settings) -> int:
    """Return the number of partitions of the claims table of a migrated database; 1 if it is not partitioned."""
    return _read(settings, claim_partitions_of)


def current(settings: Settings) -> str | None:
    """Return the revision of the database, or None if it was never migrated or, on SQLite, does not exist."""
    if settings.embedded and not (settings.data_dir / "firsthand.sqlite").exists():
        return None
    return _read(settings, revision)


def _read(settings: Settings, question: Callable[[Session], Result]) -> Result:
    """Return the result of `question`, called with a session on a new connection."""
    database = Database(settings)
    try:
        with database.reads() as session:
            return question(session)
    finally:
        database.close()
