"""What the works of the registry's table share: sizes, one database, and registries on it that hold something."""

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
from benchmarks.bare.baselines import Sizes
from benchmarks.bare.drawing import draw, split
from benchmarks.harness.memory import anonymous
from benchmarks.harness.served_registry import ServedRegistry, serve_empty
from firsthand import Client, Digested
from firsthand.core.digests import Digests, sort_unique

Kept = TypeVar("Kept")
Name = Literal["sqlite", "postgresql"]
DATABASES: tuple[Name, ...] = ("sqlite", "postgresql")

#: Items of one registration where a registry is filled, and of the shipments of which one in so many items is human.
FILLING = 500_000
SHIPMENT = 50_000


@dataclass(frozen=True)
class Held:
    """A served registry, a client of it, and what it holds: `uint8[n, 32]`."""

    served: ServedRegistry
    client: Client
    digests: Digests
    idle: int
    "anonymous bytes of the server before it held anything"
    database_url: str | None = None
    "of PostgreSQL"


@dataclass
class Bench:
    """One database to measure on. What is asked for twice is served once, until the `with` ends."""

    database: Name
    sizes: Sizes
    generator: np.random.Generator
    server: str | None = None
    "of PostgreSQL, that may create databases"
    _stack: ExitStack = field(default_factory=ExitStack)
    _kept: dict[str, Any] = field(default_factory=dict)

    def __enter__(self) -> "Bench":
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def folder(self) -> Path:
        """A folder that goes when the bench does."""
        return self._once("folder", lambda: Path(self._stack.enter_context(tempfile.TemporaryDirectory())))

    @contextmanager
    def registry(self) -> Iterator[Held]:
        """An empty registry of its own, with the dataset `local/d` and the model `local/m@1`, and a client."""
        with ExitStack() as stack:
            where = stack.enter_context(postgresql.database(self.server)) if self.database == "postgresql" else None
            served = stack.enter_context(serve_empty(where))
            client = stack.enter_context(Client(served.url, served.api_key))
            client.put_model("local/m@1", generation=1)
            client.put_dataset("local/d")
            yield Held(served, client, draw(0, self.generator), anonymous(served.pid), where)

    def half_human(self, items: int) -> Held:
        """A registry of so many items, half human and half a model's."""
        return self._once(f"half human {items}", lambda: self._filled(items, _halves))

    def one_in_a_hundred(self) -> Held:
        """A registry of the pool in shipments of which each has one human item in a hundred."""
        return self._once("one in a hundred", lambda: self._filled(self.sizes.pool, _shipments))

    def bare(self) -> tuple[ModuleType, Any, str]:
        """The module of the bare driver, a connection to an empty database, and where that is."""
        return self._once("bare", self._bare)

    def bare_held(self, digests: Digests) -> tuple[ModuleType, Any, str]:
        """The same with claims on these digests."""

        def fill() -> tuple[ModuleType, Any, str]:
            module, connection, where = self.bare()
            module.create(connection)
            module.fill(connection, sort_unique(digests)[0])
            return module, connection, where

        return self._once(f"bare held {len(digests)}", fill)

    def _once(self, name: str, make: Callable[[], Kept]) -> Kept:
        if name not in self._kept:
            self._kept[name] = make()
        kept: Kept = self._kept[name]
        return kept

    def _bare(self) -> tuple[ModuleType, Any, str]:
        if self.database == "sqlite":
            path = self.folder / "bare.sqlite"
            return sqlite, self._stack.enter_context(sqlite.connected(path)), str(path)
        where = self._stack.enter_context(postgresql.database(self.server))
        return postgresql, self._stack.enter_context(postgresql.connect(where)), where

    def _filled(self, items: int, fill: Callable[[Client, Digests], None]) -> Held:
        empty = self._stack.enter_context(self.registry())
        digests = draw(items, self.generator)
        fill(empty.client, digests)
        if empty.database_url is not None:
            settle(empty.database_url)
        return replace(empty, digests=digests)


def settle(address: str) -> None:
    """What autovacuum does within a minute of a bulk load, done now, as the bare tables have it too."""
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE claims")
        connection.execute("CHECKPOINT")


def _halves(client: Client, digests: Digests) -> None:
    """Even rows human, odd rows a model's."""
    for part in split(digests, 2 * FILLING):
        human(client, part[::2])
        synthetic(client, part[1::2])


def _shipments(client: Client, digests: Digests) -> None:
    for part, is_human in zip(split(digests, SHIPMENT), _cut(rare(len(digests))), strict=True):
        human(client, part[is_human])
        synthetic(client, part[~is_human])


def _cut(flags: npt.NDArray[np.bool_]) -> list[npt.NDArray[np.bool_]]:
    return [flags[start : start + SHIPMENT] for start in range(0, len(flags), SHIPMENT)]


def rare(items: int) -> npt.NDArray[np.bool_]:
    """Which items of a pool in shipments are human: the first hundredth of each shipment. `bool[items]`."""
    row = np.arange(items)
    start = row // SHIPMENT * SHIPMENT
    return row - start < np.minimum(SHIPMENT, items - start) // 100


def human(client: Client, digests: Digests) -> None:
    client.register("local/d", Digested(digests), origin="human", batch=len(digests))


def synthetic(client: Client, digests: Digests) -> None:
    client.register("local/d", Digested(digests), origin="model", model="local/m@1", batch=len(digests))
