"""Settings of the service: environment variables `FIRSTHAND_…`. The reference page is generated from this class."""

import os
import re
from collections.abc import Collection
from difflib import get_close_matches
from functools import cached_property
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from firsthand.errors import FirsthandError
from firsthand.schemas import explain

_PREFIX = "FIRSTHAND_"

#: Variables that others read: the client and the command line, and the tests.
_OF_OTHERS = frozenset(
    _PREFIX + name
    for name in (
        "URL", "PORT", "API_KEY", "CONFIG_DIR", "TIMEOUT", "SPOOL_DIR",
        "TEST_POSTGRES_URL", "FREEZE",
    )
)  # fmt: skip

#: Variables that Kubernetes sets in all containers for a service with the name `firsthand`.
_OF_KUBERNETES = re.compile(r"FIRSTHAND_(SERVICE_(HOST|PORT)|PORT_\d+)")

#: The accepted beginnings of a PostgreSQL address. All of them use the installed driver.
_SCHEMES = ("postgresql://", "postgres://", "postgresql+psycopg://")


#: A parameter of a PostgreSQL address: after this number of runs, a statement is prepared. 0 means never.
_PREPARE = "prepare_threshold"


def without_password(url: str) -> str:
    """Return a database's address with the password replaced by `…`."""
    return re.sub(r"(://[^:/@]*:)[^/]*@|([?&]password=)[^&]*", lambda m: f"{m[1]}…@" if m[1] else f"{m[2]}…", url)


def _with_psycopg(address: str) -> str:
    """Return a PostgreSQL address with the name of the installed driver."""
    return "postgresql+psycopg://" + address.partition("://")[2]


class Settings(BaseSettings):
    """The settings of the service, from the environment or from arguments (of tests and of the command line)."""

    model_config = SettingsConfigDict(
        env_prefix=_PREFIX, env_ignore_empty=True, frozen=True, populate_by_name=True, hide_input_in_errors=True
    )

    data_dir: Path = Field(
        Path("firsthand-data"), description="Folder of the embedded SQLite database and of the first API key."
    )
    database_url: str | None = Field(
        None,
        description="Address of a PostgreSQL database, such as postgresql://user:password@host/name. "
        "If it is not set, the service uses an embedded SQLite database in the data folder. Behind a pooler such as "
        "pgbouncer, add ?prepare_threshold=0 at its end: then no statement is prepared.",
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
        True,
        description="Whether reading needs no API key. If false, it needs a key with the scope read, also for the "
        "metrics and the API documentation.",
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
        10 * 2**20,
        gt=0,
        description="Maximum size of the body of a look-up, a withdrawal or a dispute, in bytes. The recipe of a mix "
        "has at most 1 MiB, and the body of every other request at most 64 KiB. "
        "A larger body is refused with status 413.",
    )
    max_body_memory: int = Field(
        256 * 2**20,
        gt=0,
        description="Memory for bodies, other than bulk bodies, in one process, in bytes. An organization can use "
        "three quarters of it, all callers without a key together one quarter. If there is not enough memory for a "
        "body, the request is refused with status 503; the client can send it again.",
    )
    body_grace_seconds: float = Field(
        30,
        gt=0,
        description="Seconds in which a body may arrive at any rate. After this time, a body that is slower than "
        "FIRSTHAND_BODY_LEAST_RATE is refused with status 408.",
    )
    body_least_rate: int = Field(
        8 * 2**10, gt=0, description="Minimum rate of a body after FIRSTHAND_BODY_GRACE_SECONDS, in bytes per second."
    )
    header_seconds: float = Field(
        30,
        gt=0,
        description="Seconds in which the headers of a request must be complete. If a body is answered before its "
        "end, the rest must end in the same time. Then the connection is closed. If headers have begun, it first gets "
        "status 408.",
    )
    max_connections: int = Field(
        1_000,
        gt=0,
        description="Maximum number of connections of one process. If it is reached, a new connection replaces the one "
        "that has waited longest without a request. If all connections have a request, the new one is refused with "
        "status 503.",
    )
    root_path: str = Field(
        "",
        description="Path prefix under which a proxy serves the registry, such as /registry. The proxy may remove "
        "the prefix from the path, or keep it.",
    )
    trusted_proxies: str = Field(
        "",
        description="Addresses or networks of proxies, separated by commas, such as 127.0.0.1,10.0.0.0/8. Only "
        "their headers X-Forwarded-For, X-Forwarded-Proto and X-Forwarded-Prefix are used.",
    )
    bulk_slots: int = Field(
        4,
        gt=0,
        description="Maximum number of large bulk bodies that one process receives at the same time. One organization "
        "can use all of them except one. More bodies are refused with status 503; the client can send them again.",
    )
    key_budget: int = Field(
        600_000,
        gt=0,
        description="Budget of one API key, in units of cost per minute. A unit is about a millisecond of one "
        "processor core. Unused budget is saved for up to 10 seconds. The workers of `firsthand serve` share it "
        "equally. A request above the budget is answered with status 429, and can be sent again after the time in "
        "`Retry-After`.",
    )
    anonymous_budget: int = Field(
        30_000,
        gt=0,
        description="Budget of all requests without an API key together, in units of cost per minute. Unused budget is "
        "saved for up to 10 seconds. The workers share it equally. Requests with a key do not count.",
    )
    anonymous_scan_cost: int = Field(
        1_000,
        gt=0,
        description="Highest estimated cost, in units, of a mix that is selected for a caller without an API key. "
        "Selecting 1,000 items costs a unit, and reading 20,000 items also. If the cost is higher, the status is 403.",
    )
    scan_slots: int = Field(
        4,
        gt=0,
        description="Maximum number of mixes that one process selects at the same time. Callers without an API key can "
        "use a quarter of these slots, but at least one.",
    )
    scan_wait_seconds: float = Field(
        5,
        gt=0,
        description="Seconds that a mix waits for its slot. After this time, the request is answered with status 503, "
        "and can be sent again.",
    )
    key_streams: int = Field(
        16,
        gt=0,
        description="Maximum number of streamed answers (the items of mixes and of registrations, the changes of "
        "mixes) that one process sends to one API key at the same time. More requests are answered with status 429.",
    )
    anonymous_streams: int = Field(
        8,
        gt=0,
        description="Maximum number of streamed answers that one process sends at the same time to all callers "
        "without an API key together. More requests are answered with status 429.",
    )
    send_seconds: float = Field(
        30,
        gt=0,
        description="Period in seconds. In each period, a client must read a minimum part of its answer (see "
        "FIRSTHAND_SEND_LEAST_RATE). If it is too slow, the connection is closed.",
    )
    send_least_rate: int = Field(
        2**10,
        gt=0,
        description="Minimum rate at which a client must read its answer in each period, in bytes per second.",
    )
    max_recipe_bytes: int = Field(
        64 * 2**10,
        gt=0,
        description="Maximum size of the recipe of a mix, in bytes of JSON. A larger recipe is refused with status "
        "422.",
    )
    max_mixes: int = Field(
        100_000,
        gt=0,
        description="Maximum number of mixes that the registry stores for one organization. More mixes are refused "
        "with status 409. Stored mixes are never removed.",
    )
    mix_cache_bytes: int = Field(
        128 * 2**20,
        ge=0,
        description="Memory in which one process keeps the items of the mixes that it selected last, in bytes.",
    )
    open_mix_bytes: int = Field(
        512 * 2**20,
        gt=0,
        description="Memory for the items of the mixes that one process sends at the same time: 56 bytes per item. One "
        "organization may take three quarters of it, and all callers without an API key a quarter. A further mix is "
        "answered with status 503. A single mix may be larger.",
    )
    threads: int = Field(16, gt=0, description="Number of threads and of database connections per process.")
    answers_days: int = Field(
        30,
        ge=30,
        le=36_500,
        description="Days for which the answer to a write with an Idempotency-Key is stored. A repeat after that time "
        "is a new write.",
    )
    log_format: str = Field(
        "console",
        pattern="^(console|json)$",
        description="Format of the log: `console` for people, `json` for machines.",
    )

    @field_validator("trusted_proxies")
    @classmethod
    def _networks(cls, listed: str) -> str:
        for network in [network.strip() for network in listed.split(",") if network.strip()]:
            try:
                ip_network(network)
            except ValueError:
                raise ValueError(
                    f"{network!r} is neither an address nor a network; use addresses such as 10.0.0.7 or networks "
                    "such as 10.0.0.0/8, separated by commas"
                ) from None
        return listed

    @field_validator("root_path")
    @classmethod
    def _path_prefix(cls, prefix: str) -> str:
        if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)*", prefix):
            raise ValueError(
                f"{prefix!r} must begin with /, must not end with /, and can have letters, digits and the characters "
                ". _ ~ - between; use a path such as /registry"
            )
        if prefix.split("/")[1:2] in (["v1"], ["docs"], ["healthz"], ["readyz"], ["metrics"]):
            raise ValueError(
                f"{prefix!r} conflicts with a path of the registry (/v1, /docs, /healthz, /readyz, /metrics); use "
                "another prefix, such as /registry"
            )
        return prefix

    @field_validator("database_url")
    @classmethod
    def _postgresql(cls, address: str | None) -> str | None:
        if address is not None and not address.startswith(_SCHEMES):
            raise ValueError(
                "this is not the address of a PostgreSQL database, which begins with postgresql://; use an address "
                "such as postgresql://user:password@host/name, or set only FIRSTHAND_DATA_DIR for SQLite"
            )
        try:
            parsed = make_url(_with_psycopg(address or ""))
        except (ValueError, ArgumentError):
            raise ValueError(
                "this is not the address of a database; use an address such as postgresql://user:password@host:5432/name"
            ) from None
        if not re.fullmatch(r"\d{1,9}", str(parsed.query.get(_PREPARE, "0"))):
            raise ValueError(
                f"{_PREPARE} must be a whole number: 0 prepares no statement, 5 prepares a statement at its fifth run"
            )
        return address

    @property
    def database_file(self) -> Path:
        """The file of the embedded database."""
        return self.data_dir.resolve() / "firsthand.sqlite"

    @cached_property
    def url(self) -> URL:
        """The address of the database, in the form that SQLAlchemy needs.

        It is not a text, because `?` and `%` in the name of a folder must have no special meaning.
        """
        if self.database_url is None:
            return URL.create("sqlite", database=str(self.database_file))
        return make_url(_with_psycopg(self.database_url)).difference_update_query([_PREPARE])

    @cached_property
    def connect_args(self) -> dict[str, int | None]:
        """The arguments of the driver for a new connection that are given in the address.

        None means: prepare nothing.
        """
        stated = {} if self.database_url is None else make_url(_with_psycopg(self.database_url)).query
        return {_PREPARE: int(str(stated[_PREPARE])) or None} if _PREPARE in stated else {}

    @property
    def shown_url(self) -> str:
        """The address of the database for people, without its password."""
        if self.database_url is None:
            return f"sqlite:///{self.database_file}"
        return without_password(_with_psycopg(self.database_url))

    @property
    def snapshots(self) -> Path:
        """The folder of the snapshots."""
        return self.snapshots_dir or self.data_dir / "snapshots"

    @property
    def embedded(self) -> bool:
        """Whether the database is the SQLite file in `data_dir`."""
        return self.database_url is None


def environment_variable(field: str) -> str:
    """Return the environment variable of a field of `Settings`."""
    return _PREFIX + field.upper()


def read_settings(other_variables: Collection[str], **given: Any) -> Settings:
    """Return the settings of the environment. `given` takes precedence.

    `other_variables` are those that the options of the command read. Raises FirsthandError, which names the variables,
    if a value is not accepted, or if a variable is not known: a misspelled setting would otherwise have no effect.
    """
    known = {environment_variable(field) for field in Settings.model_fields} | _OF_OTHERS | set(other_variables)
    unknown = sorted(
        name
        for name in os.environ
        if name.upper().startswith(_PREFIX) and name.upper() not in known and not _OF_KUBERNETES.match(name)
    )
    if messages := [_unknown_in_words(name, known) for name in unknown if os.environ[name]]:
        raise FirsthandError("\n".join(messages))
    try:
        return Settings(**given)
    except ValidationError as error:
        problems = explain.problems(error.errors())
        raise FirsthandError(
            "\n".join(explain.located(environment_variable(problem.where), problem.message) for problem in problems)
        ) from None


def _unknown_in_words(name: str, known: Collection[str]) -> str:
    nearest = get_close_matches(name.upper(), known, 1)
    advice = f"Did you mean {nearest[0]}?" if nearest else "Check the spelling."
    return f"The environment variable {name} is not a setting. {advice} docs/reference/settings.md lists all settings."
