"""Measure the registry's tasks with bare drivers, and compare each baseline with the limit of the machine.

    python -m benchmarks.bare.baselines [--quick] [--by sqlite …] [--postgresql URL]

A baseline is valid if it reaches 0.8 of the limit, which was measured on a machine of this kind before the registry
existed. On a busy machine a baseline can be too slow, and a ratio to it makes the registry look faster than it is.
`--quick` uses a tenth of the sizes and takes a minute; most limits were not measured at these sizes and are not shown.
"""

import argparse
import importlib.util
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
from fastapi import FastAPI

from benchmarks.bare import lines, parquet, postgresql, routes, sqlite
from benchmarks.bare.inputs import half_known, random_digests
from benchmarks.harness import http_load
from benchmarks.harness.command import machine_load
from benchmarks.harness.limits import LIMITS, VALID_SHARE, share_of_limit
from benchmarks.harness.memory import MemoryWatch
from benchmarks.harness.report import Measure
from benchmarks.harness.sizes import QUICK_BASELINES, Sizes
from firsthand.core.digests import Digests, Profile, sort_unique

#: The programs that perform the tasks. Results have these names.
DRIVERS = ("duckdb", "sqlite", "postgresql", "json")
MakeApp = Callable[[str], FastAPI]
Connection = TypeVar("Connection", contravariant=True)


@dataclass(frozen=True)
class BaselineResult:
    """A measured baseline: the median of several values, and its limit if the limit is known."""

    task: str
    driver: str
    size: int
    values: tuple[float, ...]
    unit: str
    memory: int | None = None
    "anonymous bytes of the client's process above idle"
    note: str = ""

    @property
    def value(self) -> float:
        return statistics.median(self.values)

    @property
    def limit(self) -> float | None:
        return LIMITS.get((self.task, self.driver, self.size))

    @property
    def share(self) -> float | None:
        """The value as a share of its limit."""
        return None if self.limit is None else share_of_limit(self.value, self.limit, self.unit)

    @property
    def verdict(self) -> str:
        return "-" if self.share is None else "pass" if self.share >= VALID_SHARE else "miss"


class BareDriver(Protocol[Connection]):
    """The functions of the modules `bare.postgresql` and `bare.sqlite`."""

    def create(self, connection: Connection) -> None: ...
    def fill(self, connection: Connection, ordered: Digests) -> None: ...
    def register(self, connection: Connection, digests: Digests, size: int) -> float: ...
    def look_up(self, connection: Connection, batches: list[Digests]) -> float: ...


@dataclass(frozen=True)
class Baselines:
    """All baselines. They are measured in a folder and in an empty PostgreSQL database."""

    sizes: Sizes
    folder: Path
    postgresql_url: str
    generator: np.random.Generator

    def all(self, drivers: Sequence[str] = DRIVERS) -> Iterator[BaselineResult]:
        """Measure the tasks of these drivers, in the order of `DRIVERS`."""
        tasks = {"duckdb": self.mixes, "sqlite": self.sqlite, "postgresql": self.postgresql, "json": self.lines}
        for name in DRIVERS:
            if name in drivers:
                yield from tasks[name]()

    def sqlite(self) -> Iterator[BaselineResult]:
        path = self.folder / "bare.sqlite"
        with sqlite.connected(path) as connection:
            apps = (routes.sqlite_def, routes.sqlite_async)
            yield from self.database("sqlite", sqlite, connection, apps, str(path))

    def postgresql(self) -> Iterator[BaselineResult]:
        with postgresql.connect(self.postgresql_url) as connection:
            apps = (routes.postgresql_def, routes.postgresql_async)
            yield from self.database("postgresql", postgresql, connection, apps, self.postgresql_url)

    def database(
        self,
        name: str,
        driver: BareDriver[Connection],
        connection: Connection,
        apps: tuple[MakeApp, MakeApp],
        address: str,
    ) -> Iterator[BaselineResult]:
        """Measure registration, look-ups at each size, and single items at the first size.

        `address` is the path or URL of the database of `connection`.
        """

        def register(_: int) -> float:
            new = random_digests(self.sizes.new, self.generator)
            driver.create(connection)
            return len(new) / driver.register(connection, new, self.sizes.batch)

        note = f"batches of {self.sizes.batch:,}"
        yield self.result("register", name, self.sizes.new, "items/s", register, note)

        driver.create(connection)
        held = random_digests(0, self.generator)
        for size in self.sizes.held:
            added = sort_unique(random_digests(size - len(held), self.generator))[0]
            driver.fill(connection, added)
            held = np.concatenate([held, added])
            yield self.look_ups(name, driver, connection, held)
            if len(held) == len(added):
                yield from self.single_items(name, apps, address, held)

    def look_ups(
        self, name: str, driver: BareDriver[Connection], connection: Connection, held: Digests
    ) -> BaselineResult:
        def look_up(_: int) -> float:
            batches = half_known(held, self.sizes.lookup_batch, self.sizes.look_ups, self.generator)
            return self.sizes.lookup_batch * len(batches) / driver.look_up(connection, batches)

        note = f"batches of {self.sizes.lookup_batch:,}, half of the digests known"
        return self.result("look up", name, len(held), "items/s", look_up, note)

    def single_items(
        self, name: str, apps: tuple[MakeApp, MakeApp], address: str, held: Digests
    ) -> Iterator[BaselineResult]:
        chosen = held[self.generator.choice(len(held), min(len(held), 10_000), replace=False)]
        paths = [f"/v1/items/{digest.tobytes().hex()}" for digest in chosen]
        for task, make in zip(("get, def", "get, async"), apps, strict=True):
            with routes.served(make, address) as port:
                loads = [http_load.get(port, paths, seconds=self.sizes.seconds) for _ in range(self.sizes.times)]
            p99 = statistics.median(load.p99 for load in loads)
            rates = tuple(load.rate for load in loads)
            note = f"32 connections, p99 {p99 * 1000:.0f} ms"
            yield BaselineResult(task, name, len(held), rates, "requests/s", note=note)

    def mixes(self) -> Iterator[BaselineResult]:
        """Measure a mix from a pool that is half human, and a mix from a pool that is 1 % human. This needs DuckDB."""
        if not importlib.util.find_spec("duckdb"):
            print("mixes are not measured: install DuckDB (pip install --group dev)", file=sys.stderr)
            return
        digests = random_digests(self.sizes.pool, self.generator)
        human = self.sizes.mix * 9 // 10
        yield self.mix("mix", digests, 2, {"human": human, "model": self.sizes.mix - human})
        yield self.mix("mix, rare", digests, 100, {"human": self.sizes.rare})

    def mix(self, task: str, digests: Digests, one_in: int, counts: dict[str, int]) -> BaselineResult:
        """Measure a mix from a pool in which one item in `one_in` is human. `counts` has the items of each origin."""
        path = self.folder / "items.parquet"
        parquet.write(path, digests, np.arange(len(digests)) % one_in == 0)
        note = f"{sum(counts.values()):,} items, {counts['human']:,} of them human; in the pool 1 of {one_in} is human"
        return self.result(task, "duckdb", len(digests), "s", lambda seed: parquet.mix(path, counts, seed)[1], note)

    def lines(self) -> Iterator[BaselineResult]:
        """Measure reading and hashing: under bytes-1, and under both profiles as for a look-up of texts."""
        path = self.folder / "lines.jsonl"
        lines.write(path, self.sizes.lines, self.generator)
        profile_sets: tuple[tuple[Profile, ...], ...] = (("bytes-1",), ("text-1", "bytes-1"))
        for profiles in profile_sets:
            yield self.result(
                "read and hash",
                "json",
                self.sizes.lines,
                "s",
                lambda _, profiles=profiles: lines.read_and_hash(path, profiles)[1],  # type: ignore[misc]
                " and ".join(profiles),
            )

    def result(self, task: str, driver: str, size: int, unit: str, measure: Measure, note: str) -> BaselineResult:
        """Repeat a measurement. The memory is the peak of this process above idle, without the memory of a server."""
        with MemoryWatch() as watch:
            values = tuple(measure(number) for number in range(self.sizes.times))
        return BaselineResult(task, driver, size, values, unit, watch.over_idle, note)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; return 1 if a baseline is under 0.8 of its limit."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.bare.baselines",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--quick", action="store_true", help="use a tenth of the sizes; takes about a minute")
    parser.add_argument(
        "--postgresql",
        metavar="URL",
        help="PostgreSQL server on which databases may be created; default: start a temporary server",
    )
    parser.add_argument("--by", nargs="+", choices=DRIVERS, default=DRIVERS, help="measure these drivers only")
    parser.add_argument("--seed", type=int, default=0, help="seed of the random digests; default: 0")
    options = parser.parse_args(arguments)
    generator = np.random.default_rng(options.seed)
    print(machine_load())
    with tempfile.TemporaryDirectory() as folder, postgresql.database(options.postgresql) as url:
        baselines = Baselines(QUICK_BASELINES if options.quick else Sizes(), Path(folder), url, generator)
        results = print_results(baselines.all(options.by))
    return int(any(result.verdict == "miss" for result in results))


def print_results(results: Iterator[BaselineResult]) -> list[BaselineResult]:
    """Print each result when it is measured; return all results."""
    line = "{:<14} {:<10} {:>10} {:>11} {:<10} {:>21} {:>9} {:>5} {:<4} {:>6}  {}"
    print(
        line.format("task", "driver", "items", "median", "unit", "least … greatest", "limit", "share", "", "MB", "note")
    )
    printed = []
    for result in results:

        def number(value: float | None, unit: str = result.unit) -> str:
            return "-" if value is None else f"{value:,.2f}" if unit == "s" else f"{value:,.0f}"

        spread = f"{number(min(result.values))} … {number(max(result.values))}"
        share = "-" if result.share is None else f"{result.share:.2f}"
        memory = "-" if result.memory is None else f"{result.memory / 1e6:,.0f}"
        columns = (result.task, result.driver, f"{result.size:,}", number(result.value), result.unit, spread)
        print(line.format(*columns, number(result.limit), share, result.verdict, memory, result.note), flush=True)
        printed.append(result)
    print(
        f"\nshare: the value as a share of the limit of the machine; a baseline is valid from {VALID_SHARE}."
        " MB: anonymous memory of the client above idle."
    )
    return printed


if __name__ == "__main__":
    sys.exit(main())
