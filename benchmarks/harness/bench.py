"""The setup of the benchmarks of the registry: one database, with registries whose contents are known."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any, Literal, TypeVar

import numpy as np
import numpy.typing as npt
import psycopg

from benchmarks.bare import postgresql, sqlite
from benchmarks.bare.inputs import random_digests, split
from benchmarks.harness.memory import anonymous_bytes
from benchmarks.harness.served_registry import ServedRegistry, serve_empty
from benchmarks.harness.sizes import Sizes
from firsthand import Client, Digested
from firsthand.core.digests import Digests, sort_unique

Kept = TypeVar("Kept")
DatabaseName = Literal["sqlite", "postgresql"]
DATABASES: tuple[DatabaseName, ...] = ("sqlite", "postgresql")

#: Items per registration in a registry that is filled with human and model items in turn.
REGISTRATION = 500_000
#: Items per pair of registrations in a registry where one item in a hundred is human.
SHIPMENT = 50_000


@dataclass(frozen=True)
class FilledRegistry:
    """A served registry, its client, and the digests that are registered in it: `uint8[n, 32]`."""

    served: ServedRegistry
    client: Client
    digests: Digests
    idle: int
    "anonymous memory of the empty server in bytes"
    database_url: str | None = None
    "URL of the PostgreSQL database; None on SQLite"


@dataclass
class Bench:
    """One database to measure. Registries and tables are created once, and kept until the `with` block ends."""

    database: DatabaseName
    sizes: Sizes
    generator: np.random.Generator
    server: str | None = None
    "URL of a PostgreSQL server on which databases may be created"
    _stack: ExitStack = field(default_factory=ExitStack)
    _kept: dict[str, Any] = field(default_factory=dict)

    def __enter__(self) -> "Bench":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def folder(self) -> Path:
        """A temporary folder, removed at the end of the `with` block."""
        return self._once("folder", lambda: Path(self._stack.enter_context(tempfile.TemporaryDirectory())))

    @contextmanager
    def registry(self) -> Iterator[FilledRegistry]:
        """Serve an empty registry with the dataset `local/d` and the model `local/m@1`, until the block ends."""
        with ExitStack() as stack:
            url = stack.enter_context(postgresql.database(self.server)) if self.database == "postgresql" else None
            served = stack.enter_context(serve_empty(url))
            client = stack.enter_context(Client(served.url, served.api_key))
            client.put_model("local/m@1", generation=1)
            client.put_dataset("local/d")
            yield FilledRegistry(served, client, random_digests(0, self.generator), anonymous_bytes(served.pid), url)

    def half_human(self, items: int) -> FilledRegistry:
        """Return a registry with `items` items: even rows are human, odd rows are model output."""

        def fill(client: Client, digests: Digests) -> None:
            for part in split(digests, 2 * REGISTRATION):
                register_human(client, part[::2])
                register_model(client, part[1::2])

        return self._once(f"half human {items}", lambda: self._filled(items, fill))

    def one_in_a_hundred(self) -> FilledRegistry:
        """Return a registry with `sizes.pool` items, of which 1 % are human: see `rare_humans`."""

        def fill(client: Client, digests: Digests) -> None:
            human = rare_humans(len(digests))
            for start in range(0, len(digests), SHIPMENT):
                part, is_human = digests[start : start + SHIPMENT], human[start : start + SHIPMENT]
                register_human(client, part[is_human])
                register_model(client, part[~is_human])

        return self._once("one in a hundred", lambda: self._filled(self.sizes.pool, fill))

    def bare(self) -> tuple[ModuleType, Any, str]:
        """Return the module of the bare driver, a connection to an empty database, and its path or URL."""

        def connect() -> tuple[ModuleType, Any, str]:
            if self.database == "sqlite":
                path = self.folder / "bare.sqlite"
                return sqlite, self._stack.enter_context(sqlite.connected(path)), str(path)
            url = self._stack.enter_context(postgresql.database(self.server))
            return postgresql, self._stack.enter_context(postgresql.connect(url)), url

        return self._once("bare", connect)

    def bare_filled(self, digests: Digests) -> tuple[ModuleType, Any, str]:
        """Return the same as `bare`, with claims on these digests."""

        def fill() -> tuple[ModuleType, Any, str]:
            driver, connection, address = self.bare()
            driver.create(connection)
            driver.fill(connection, sort_unique(digests)[0])
            return driver, connection, address

        return self._once(f"bare filled {len(digests)}", fill)

    def _once(self, name: str, make: Callable[[], Kept]) -> Kept:
        if name not in self._kept:
            self._kept[name] = make()
        kept: Kept = self._kept[name]
        return kept

    def _filled(self, items: int, fill: Callable[[Client, Digests], None]) -> FilledRegistry:
        empty = self._stack.enter_context(self.registry())
        digests = random_digests(items, self.generator)
        fill(empty.client, digests)
        if empty.database_url is not None:
            vacuum(empty.database_url)
        return replace(empty, digests=digests)


def vacuum(url: str) -> None:
    """Vacuum the claims of a registry, as autovacuum does within a minute. The bare tables are vacuumed too."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE claims")
        connection.execute("CHECKPOINT")


def rare_humans(items: int) -> npt.NDArray[np.bool_]:
    """Return which items of a pool are human: the first hundredth of every 50,000 items. `bool[items]`."""
    row = np.arange(items)
    start = row // SHIPMENT * SHIPMENT
    return row - start < np.minimum(SHIPMENT, items - start) // 100


def register_human(client: Client, digests: Digests) -> None:
    client.register("local/d", Digested(digests), origin="human", batch=len(digests))


def register_model(client: Client, digests: Digests) -> None:
    client.register("local/d", Digested(digests), origin="model", model="local/m@1", batch=len(digests))
