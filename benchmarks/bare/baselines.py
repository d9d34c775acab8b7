"""The baselines of the registry's benchmarks: the same work by the bare drivers, each against what the machine can do.

    python -m benchmarks.bare.baselines [--quick] [--by sqlite …] [--postgresql URL]

prints a table. A baseline counts where it reaches 0.8 of the limit measured on this kind of machine before there was
any registry; where it does not (a busy machine, a poor baseline) the ratios to it flatter the registry. The works are
in `benchmarks.bare`, each a function of a connection or a path that returns seconds; this module repeats them.
`--quick` takes a minute at a tenth of the sizes, at which most limits were not measured and are left out.
"""

import argparse
import importlib.util
import os
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
from benchmarks.bare.drawing import draw, half_known
from benchmarks.harness import http_load
from benchmarks.harness.limits import BAR, Figure
from benchmarks.harness.memory import Watch
from firsthand.core.digests import Digests, Profile, sort_unique

#: What does the works: figures are named by these.
BY = ("duckdb", "sqlite", "postgresql", "json")
#: A measurement, told its number.
Measure = Callable[[int], float]
Make = Callable[[str], FastAPI]
Connection = TypeVar("Connection", contravariant=True)


@dataclass(frozen=True)
class Sizes:
    """How much of each work, and how often."""

    new: int = 1_000_000
    "items to register"
    batch: int = 50_000
    "items a registration"
    held: tuple[int, ...] = (1_000_000, 10_000_000)
    "items held while others are looked up, growing"
    asked: int = 10_000
    "digests a look-up, every second one held"
    look_ups: int = 20
    "look-ups a measurement"
    pool: int = 10_000_000
    "items to draw mixes from"
    mix: int = 1_000_000
    "items of a mix, 90 % human, out of a pool half human"
    rare: int = 90_000
    "human items asked of a pool that is 1 % human"
    seconds: float = 5.0
    "of asking for single items"
    lines: int = 1_000_000
    "of JSON to read and hash"
    times: int = 5
    "measurements, of which the median stands"
    recorded: int = 160_000
    "single items that a Recorder is given"
    small: int = 10_000_000
    "items held in registrations of ten, against the same in a hundred"
    singly: int = 640
    "single items that are posted each by itself"


QUICK = Sizes(
    new=200_000,
    held=(1_000_000,),
    look_ups=5,
    pool=1_000_000,
    mix=100_000,
    rare=9_000,
    seconds=2,
    lines=100_000,
    times=3,
)


class Bare(Protocol[Connection]):
    """What the modules `bare.postgresql` and `bare.sqlite` have in common."""

    def create(self, connection: Connection) -> None: ...
    def fill(self, connection: Connection, ordered: Digests) -> None: ...
    def register(self, connection: Connection, digests: Digests, size: int) -> float: ...
    def look_up(self, connection: Connection, batches: list[Digests]) -> float: ...


@dataclass(frozen=True)
class Baselines:
    """The works at some sizes, in a folder and an empty PostgreSQL database; figures come as they are measured."""

    sizes: Sizes
    folder: Path
    address: str
    generator: np.random.Generator

    def all(self, by: Sequence[str] = BY) -> Iterator[Figure]:
        """Every figure of these, in the order of `BY`."""
        works = {"duckdb": self.mixes, "sqlite": self.sqlite, "postgresql": self.postgresql, "json": self.lines}
        for name in BY:
            if name in by:
                yield from works[name]()

    def sqlite(self) -> Iterator[Figure]:
        path = self.folder / "bare.sqlite"
        with sqlite.connected(path) as connection:
            apps = (routes.sqlite_def, routes.sqlite_async)
            yield from self.database("sqlite", sqlite, connection, apps, str(path))

    def postgresql(self) -> Iterator[Figure]:
        with postgresql.connect(self.address) as connection:
            apps = (routes.postgresql_def, routes.postgresql_async)
            yield from self.database("postgresql", postgresql, connection, apps, self.address)

    def database(
        self, by: str, bare: Bare[Connection], connection: Connection, apps: tuple[Make, Make], where: str
    ) -> Iterator[Figure]:
        """Registering, then look-ups in claims that grow, and single items of the first of them."""
        yield self.registering(by, bare, connection)
        bare.create(connection)
        held = draw(0, self.generator)
        for size in self.sizes.held:
            more = sort_unique(draw(size - len(held), self.generator))[0]
            bare.fill(connection, more)
            held = np.concatenate([held, more])
            yield self.looking_up(by, bare, connection, held)
            if len(held) == len(more):
                yield from self.single_items(by, apps, where, held)

    def registering(self, by: str, bare: Bare[Connection], connection: Connection) -> Figure:
        def once(_: int) -> float:
            new = draw(self.sizes.new, self.generator)
            bare.create(connection)
            return len(new) / bare.register(connection, new, self.sizes.batch)

        return self.figure("register", by, self.sizes.new, "items/s", once, f"batches of {self.sizes.batch:,}")

    def looking_up(self, by: str, bare: Bare[Connection], connection: Connection, held: Digests) -> Figure:
        def once(_: int) -> float:
            batches = half_known(held, self.sizes.asked, self.sizes.look_ups, self.generator)
            return self.sizes.asked * len(batches) / bare.look_up(connection, batches)

        return self.figure("look up", by, len(held), "items/s", once, f"batches of {self.sizes.asked:,}, half known")

    def single_items(self, by: str, apps: tuple[Make, Make], where: str, held: Digests) -> Iterator[Figure]:
        chosen = held[self.generator.choice(len(held), min(len(held), 10_000), replace=False)]
        paths = [f"/v1/items/{digest.tobytes().hex()}" for digest in chosen]
        for work, make in zip(("get, def", "get, async"), apps, strict=True):
            with routes.served(make, where) as port:
                loads = [http_load.get(port, paths, seconds=self.sizes.seconds) for _ in range(self.sizes.times)]
            p99 = statistics.median(one.p99 for one in loads)
            rates = tuple(one.rate for one in loads)
            yield Figure(work, by, len(held), rates, "requests/s", note=f"32 connections, p99 {p99 * 1000:.0f} ms")

    def mixes(self) -> Iterator[Figure]:
        """The file is written twice: of a pool half human, and 1 % human. Nothing where DuckDB is not installed."""
        if not importlib.util.find_spec("duckdb"):
            print("mixes are left out: DuckDB is not installed (pip install --group dev)", file=sys.stderr)
            return
        digests = draw(self.sizes.pool, self.generator)
        human = self.sizes.mix * 9 // 10
        yield self.mixing("mix", digests, 2, {"human": human, "model": self.sizes.mix - human})
        yield self.mixing("mix, rare", digests, 100, {"human": self.sizes.rare})

    def mixing(self, work: str, digests: Digests, one_in: int, counts: dict[str, int]) -> Figure:
        path = self.folder / "items.parquet"
        parquet.write(path, digests, np.arange(len(digests)) % one_in == 0)
        note = f"{sum(counts.values()):,} of which {counts['human']:,} human; of the pool 1 in {one_in}"
        return self.figure(work, "duckdb", len(digests), "s", lambda seed: parquet.mix(path, counts, seed)[1], note)

    def lines(self) -> Iterator[Figure]:
        """Under the one profile that costs nothing, and under both, as a look-up of a text asks."""
        path = self.folder / "lines.jsonl"
        lines.write(path, self.sizes.lines, self.generator)
        yield self.hashing(path, "bytes-1")
        yield self.hashing(path, "text-1", "bytes-1")

    def hashing(self, path: Path, *profiles: Profile) -> Figure:
        def once(_: int) -> float:
            return lines.read_and_hash(path, profiles)[1]

        return self.figure("read and hash", "json", self.sizes.lines, "s", once, " and ".join(profiles))

    def figure(self, work: str, by: str, size: int, unit: str, once: Measure, note: str) -> Figure:
        """Measure once and again; memory is the highest over idle of this process (a server's own is not in it)."""
        with Watch() as watch:
            values = tuple(once(number) for number in range(self.sizes.times))
        return Figure(work, by, size, values, unit, watch.over_idle, note)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 1 where a baseline is under 0.8 of its limit."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bare.baselines", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a tenth of the sizes, in about a minute")
    parser.add_argument("--postgresql", metavar="URL", help="a server that may create databases; else one is started")
    parser.add_argument("--by", nargs="+", choices=BY, default=BY, help="measure these alone")
    parser.add_argument("--seed", type=int, default=0, help="of the digests drawn")
    asked = parser.parse_args(arguments)
    generator = np.random.default_rng(asked.seed)
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} before: a busy machine misses its own limits")
    with tempfile.TemporaryDirectory() as folder, postgresql.database(asked.postgresql) as address:
        baselines = Baselines(QUICK if asked.quick else Sizes(), Path(folder), address, generator)
        figures = show(baselines.all(asked.by))
    return int(any(figure.verdict == "miss" for figure in figures))


def show(figures: Iterator[Figure]) -> list[Figure]:
    """Print each figure as it comes."""
    form = "{:<14} {:<10} {:>10} {:>11} {:<10} {:>21} {:>9} {:>5} {:<4} {:>6}  {}"
    print(form.format("work", "by", "of", "figure", "unit", "lowest … highest", "limit", "ratio", "", "MB", "note"))
    shown = []
    for one in figures:
        print(form.format(*_cells(one)), flush=True)
        shown.append(one)
    print(f"\nratio: to the limit; a baseline counts from {BAR}. MB: anonymous memory of the client over idle.")
    return shown


def _cells(one: Figure) -> tuple[str, ...]:
    def number(value: float | None) -> str:
        return "-" if value is None else f"{value:,.2f}" if one.unit == "s" else f"{value:,.0f}"

    spread = f"{number(min(one.values))} … {number(max(one.values))}"
    ratio = "-" if one.ratio is None else f"{one.ratio:.2f}"
    memory = "-" if one.memory is None else f"{one.memory / 1e6:,.0f}"
    head = (one.work, one.by, f"{one.size:,}", number(one.value), one.unit)
    return (*head, spread, number(one.limit), ratio, one.verdict, memory, one.note)


if __name__ == "__main__":
    sys.exit(main())
