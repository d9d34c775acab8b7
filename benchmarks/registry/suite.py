"""The table of the registry's speed: each figure beside its baseline in the same run, its bar, pass or miss.

    python -m benchmarks.registry [--quick] [--only WORK …] [--database sqlite|postgresql …]

Client and server share the machine, which should be quiet. Rows are printed as they come, and written with the
commit, moment, versions and sizes to benchmarks/results/registry.json, where those of other works stay; a quick run
writes beside it. A ratio is figure over baseline, each pair measured one after the other: of times, less is better. A
baseline counts where it reaches 0.8 of what the machine can do (`benchmarks.harness.limits`), if somebody measured
that.
"""

import argparse
import os
import platform
import subprocess
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.bare import postgresql
from benchmarks.bare.baselines import Sizes
from benchmarks.harness.bench import DATABASES, Bench
from benchmarks.harness.limits import BAR
from benchmarks.harness.rows import Report, Row
from benchmarks.recorder import add_latency
from benchmarks.registry import (
    batch_lookups,
    bulk_registration,
    cost_by_size,
    mixes,
    overlapping_claims,
    single_item_lookups,
    single_item_registration,
    small_registrations,
)
from benchmarks.snapshots import build_and_lookup, check_command

#: Each a function of a bench. Those that use the same registries stand together, the one that adds to them last.
WORKS: dict[str, Callable[[Bench], Iterator[Row]]] = {
    "register": bulk_registration.rows,
    "one-item": single_item_registration.rows,
    "recorder": add_latency.rows,
    "look-up": batch_lookups.rows,
    "mix": mixes.rows,
    "overlaps": overlapping_claims.rows,
    "snapshot": build_and_lookup.rows,
    "get": single_item_lookups.rows,
    "growth": cost_by_size.rows,
    "small": small_registrations.rows,
}
#: Works that ask no database, and stand once in the table.
WITHOUT_DATABASE: dict[str, Callable[[Bench], Iterator[Row]]] = {"check": check_command.rows}
ALL = (*WORKS, *WITHOUT_DATABASE)

QUICK = Sizes(
    new=100_000,
    batch=25_000,
    held=(50_000, 500_000),
    asked=5_000,
    look_ups=4,
    pool=500_000,
    mix=50_000,
    rare=4_500,
    seconds=1.5,
    times=3,
    recorded=16_000,
    small=100_000,
    singly=96,
    lines=50_000,
)
RESULTS = Path(__file__).parents[1] / "results"
_PACKAGES = ("fastapi", "uvicorn", "sqlalchemy", "psycopg", "numpy", "pyarrow", "duckdb")


def measured(works: Sequence[str], databases: Sequence[str], sizes: Sizes, server: str | None = None) -> Iterator[Row]:
    """The rows of these works on these databases, as they come."""
    for database in DATABASES:
        if database in databases:
            with Bench(database, sizes, np.random.default_rng(0), server) as bench:
                for work, rows in WORKS.items():
                    if work in works:
                        yield from rows(bench)
    for work, rows in WITHOUT_DATABASE.items():
        if work in works:
            with Bench("sqlite", sizes, np.random.default_rng(0)) as bench:
                yield from rows(bench)


def head(sizes: Sizes) -> dict[str, Any]:
    """What a reader of the rows needs to know of the run."""
    return {
        "commit": _commit(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "processors": os.cpu_count(),
        "load": os.getloadavg()[0],
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in _PACKAGES}},
        "sizes": asdict(sizes),
    }


def _commit() -> str:
    """What the clone is at, and whether it was changed since; nothing outside of a clone."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    described = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False)
    return described.stdout.strip()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 1 where a full run missed a bar, or held against a baseline that does not count."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.registry", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="a twentieth of the sizes, in a minute or two")
    parser.add_argument("--only", nargs="+", choices=ALL, default=ALL, metavar="WORK", help=", ".join(ALL))
    parser.add_argument("--database", nargs="+", choices=DATABASES, default=DATABASES)
    parser.add_argument("--postgresql", metavar="URL", help="a server that may create databases; else one is started")
    parser.add_argument("--out", type=Path, help="where the rows go in place of benchmarks/results")
    asked = parser.parse_args(arguments)
    sizes = QUICK if asked.quick else Sizes()
    path = asked.out or RESULTS / ("quick.json" if asked.quick else "registry.json")
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} before: ratios hold where a machine is busy")
    report = Report(path, head(sizes))
    with postgresql.server(asked.postgresql) as server:
        for row in measured(asked.only, asked.database, sizes, server):
            report.add(row)
    print(f"\n{len(report.missed)} missed, of {len(report.rows)} rows in {path}")
    if report.uncounted:
        print(f"{len(report.uncounted)} with a baseline under {BAR} of what the machine can do, which do not count")
    if asked.quick:
        print("The bars are of the full sizes: a quick run says what works, and roughly how.")
    return int(bool(report.missed or report.uncounted) and not asked.quick)
