"""Schema revisions: what the database has, what this code needs, and the way from one to the other."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory

from service.settings import Settings
from service.storage.engine import Database, claim_partitions_of, revision

_MIGRATIONS = Path(__file__).parents[2] / "migrations"


def config(settings: Settings) -> Config:
    """What Alembic's own commands take, for those that `firsthand migrate` has not."""
    made = Config()
    made.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    made.set_main_option("file_template", "%%(year)d%%(month).2d%%(day).2d_%%(slug)s")
    made.attributes["url"], made.attributes["claim_partitions"] = settings.url, settings.claim_partitions
    return made


def needed(settings: Settings) -> str:
    """The revision that this code was written for."""
    return ScriptDirectory.from_config(config(settings)).get_current_head() or ""


def upgrade(settings: Settings) -> tuple[str | None, str]:
    """Bring the database to the needed revision. Returns (revision before, revision after)."""
    if settings.embedded:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
    before = current(settings)
    command.upgrade(config(settings), "head")
    return before, needed(settings)


def claim_partitions(settings: Settings) -> int:
    """How many partitions the claims of a migrated database lie in; 1 where the table is not divided."""
    database = Database(settings)
    try:
        with database.reads() as session:
            return claim_partitions_of(session)
    finally:
        database.close()


def current(settings: Settings) -> str | None:
    """The revision of the database, or None where it was never migrated (or, embedded, does not exist)."""
    if settings.embedded and not (settings.data_dir / "firsthand.sqlite").exists():
        return None
    database = Database(settings)
    try:
        with database.reads() as session:
            return revision(session)
    finally:
        database.close()
