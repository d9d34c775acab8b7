"""Settings of the service: environment variables `FIRSTHAND_…`. The reference page is generated from this class."""

from functools import cached_property
from pathlib import Path

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

#: The accepted ways to write a PostgreSQL address. All of them use the one driver that is installed.
_SCHEMES = ("postgresql://", "postgres://", "postgresql+psycopg://")


def _with_psycopg(address: str) -> str:
    """Return a PostgreSQL address that names the installed driver."""
    return "postgresql+psycopg://" + address.partition("://")[2]


class Settings(BaseSettings):
    """The settings of the service, from the environment or from arguments (of tests and of the command line)."""

    model_config = SettingsConfigDict(
        env_prefix="FIRSTHAND_", env_ignore_empty=True, frozen=True, populate_by_name=True, hide_input_in_errors=True
    )

    data_dir: Path = Field(
        Path("firsthand-data"), description="Folder of the embedded SQLite database and of the first API key."
    )
    database_url: str | None = Field(
        None,
        description="Address of a PostgreSQL database, such as postgresql://user:password@host/name. "
        "If it is not set, the service uses an embedded SQLite database in the data folder.",
    )
    snapshots_dir: Path | None = Field(
        None, description="Folder of the snapshots. The default is the folder `snapshots` in the data folder."
    )
    claim_partitions: int = Field(
        1,
        gt=0,
        le=1024,
        description="Number of partitions of the claims table on PostgreSQL. It is used once, when `firsthand migrate` "
        "creates the table; later changes have no effect.",
    )
    public_read: bool = Field(
        True, description="Whether reading needs no API key. If false, it needs a key with the scope read."
    )
    migrate_on_start: bool = Field(
        False, description="Whether `firsthand serve` migrates the database before it starts."
    )
    max_bulk_bytes: int = Field(
        64 * 2**20,
        gt=0,
        description="Maximum size of the body of a bulk request (a registration or a batch), in bytes. "
        "A larger body is refused with status 413.",
    )
    max_json_bytes: int = Field(
        16 * 2**20,
        gt=0,
        description="Maximum size of the body of every other request, in bytes. "
        "A larger body is refused with status 413.",
    )
    bulk_slots: int = Field(
        4,
        gt=0,
        description="Number of large bulk bodies that one process receives at the same time. "
        "Another one is refused with status 503; the client can send it again.",
    )
    threads: int = Field(16, gt=0, description="Number of threads and of database connections per process.")
    log_format: str = Field(
        "console",
        pattern="^(console|json)$",
        description="Format of the log: `console` for people, `json` for machines.",
    )

    @field_validator("database_url")
    @classmethod
    def _postgresql(cls, address: str | None) -> str | None:
        if address is not None and not address.startswith(_SCHEMES):
            raise ValueError(
                "this is not the address of a PostgreSQL database, which begins with postgresql://; use an address "
                "such as postgresql://user:password@host/name, or set only FIRSTHAND_DATA_DIR for SQLite"
            )
        try:
            make_url(_with_psycopg(address or ""))
        except (ValueError, ArgumentError):
            raise ValueError(
                "this is not the address of a database; use an address such as postgresql://user:password@host:5432/name"
            ) from None
        return address

    @cached_property
    def url(self) -> str:
        """The address of the database, in the form that SQLAlchemy needs."""
        if self.database_url is None:
            return f"sqlite:///{self.data_dir.resolve() / 'firsthand.sqlite'}"
        return _with_psycopg(self.database_url)

    @property
    def snapshots(self) -> Path:
        """The folder of the snapshots."""
        return self.snapshots_dir or self.data_dir / "snapshots"

    @property
    def embedded(self) -> bool:
        """Whether the database is the SQLite file in `data_dir`."""
        return self.database_url is None
