"""Settings of the service, from environment variables `FIRSTHAND_…`.

docs/reference/settings.md is generated from the descriptions.
"""

from functools import cached_property
from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

#: All are spoken by the one driver that is installed.
_SCHEMES = ("postgresql://", "postgres://", "postgresql+psycopg://")


def _by_psycopg(address: str) -> str:
    """A PostgreSQL address for the one driver that is installed."""
    return "postgresql+psycopg://" + address.partition("://")[2]


class Settings(BaseSettings):
    """Read from the environment, or given by name (tests, the command line)."""

    model_config = SettingsConfigDict(
        env_prefix="FIRSTHAND_", env_ignore_empty=True, frozen=True, populate_by_name=True, hide_input_in_errors=True
    )

    data_dir: Path = Field(Path("firsthand-data"), description="Folder of the embedded SQLite database.")
    database_url: str | None = Field(
        None, description="A PostgreSQL database, postgresql://user:password@host/name, in place of SQLite."
    )
    snapshots_dir: Path | None = Field(
        None, description="Folder of the snapshots; where none is given, `snapshots` in the data folder."
    )
    claim_partitions: int = Field(
        1, gt=0, le=1024, description="Partitions of the claims on PostgreSQL, when `migrate` creates them; not later."
    )
    public_read: bool = Field(True, description="Whether reading needs no key.")
    migrate_on_start: bool = Field(False, description="Whether `serve` upgrades the database before it starts.")
    max_bulk_bytes: int = Field(64 * 2**20, gt=0, description="Largest bulk body; a larger one is answered 413.")
    max_json_bytes: int = Field(16 * 2**20, gt=0, description="Largest body of every other call.")
    bulk_slots: int = Field(4, gt=0, description="Bulk bodies taken at once by a process; one more is answered 503.")
    threads: int = Field(16, gt=0, description="Threads of a process, and as many database connections.")
    log_format: str = Field("console", pattern="^(console|json)$", description="console, or json for machines.")

    @field_validator("database_url")
    @classmethod
    def _postgresql(cls, address: str | None) -> str | None:
        if address is not None and not address.startswith(_SCHEMES):
            raise ValueError("a PostgreSQL address begins with postgresql://; for SQLite set FIRSTHAND_DATA_DIR alone")
        try:
            make_url(_by_psycopg(address or ""))
        except (ValueError, ArgumentError) as error:
            raise ValueError(f"this is no address of a database: {error}") from None
        return address

    @cached_property
    def url(self) -> str:
        """The database's address as SQLAlchemy takes it."""
        if self.database_url is None:
            return f"sqlite:///{self.data_dir.resolve() / 'firsthand.sqlite'}"
        return _by_psycopg(self.database_url)

    @property
    def snapshots(self) -> Path:
        """The folder of the snapshots."""
        return self.snapshots_dir or self.data_dir / "snapshots"

    @property
    def embedded(self) -> bool:
        """Whether the database is the SQLite file in `data_dir`."""
        return self.database_url is None
