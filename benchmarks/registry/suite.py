"""Measure the speed of the registry, and compare each value with a baseline of the same run and with a target.

Client and server are on the same machine, which should be idle. Rows are printed when they are measured, and saved in
benchmarks/results/registry.json with the commit, time, versions and sizes. Rows of tasks that are not measured stay in
the file. A quick run is saved in benchmarks/results/quick.json. A ratio is value / baseline; for seconds, a smaller
ratio is better. A baseline is valid if it reaches 0.8 of the limit of the machine (`benchmarks.harness.limits`). If
this limit is not known, the baseline is not checked.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from benchmarks.bare import postgresql
from benchmarks.harness.bench import DATABASES, Bench
from benchmarks.harness.command import print_table, table_parser
from benchmarks.harness.report import BenchmarkRow
from benchmarks.harness.sizes import Sizes
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

#: Tasks that use the same registries are next to each other. The task that adds items to them comes last.
TASKS: dict[str, Callable[[Bench], Iterator[BenchmarkRow]]] = {
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
#: Tasks that use no database. They are measured once.
WITHOUT_DATABASE: dict[str, Callable[[Bench], Iterator[BenchmarkRow]]] = {"check": check_command.rows}
ALL = (*TASKS, *WITHOUT_DATABASE)


def measure_tasks(
    tasks: Sequence[str], databases: Sequence[str], sizes: Sizes, server: str | None = None
) -> Iterator[BenchmarkRow]:
    """Measure these tasks on these databases; yield each row when it is measured."""
    for database in DATABASES:
        if database in databases:
            with Bench(database, sizes, np.random.default_rng(0), server) as bench:
                for task, rows in TASKS.items():
                    if task in tasks:
                        yield from rows(bench)
    for task, rows in WITHOUT_DATABASE.items():
        if task in tasks:
            with Bench("sqlite", sizes, np.random.default_rng(0)) as bench:
                yield from rows(bench)


def main(
    arguments: Sequence[str] | None = None, command: str = "benchmarks.registry", tasks: Sequence[str] = ALL
) -> int:
    """Print the table; return 1 if a full run misses a target or has an invalid baseline."""
    parser = table_parser(command, __doc__, tasks)
    parser.add_argument(
        "--database", nargs="+", choices=DATABASES, default=DATABASES, help="databases to measure; default: both"
    )
    parser.add_argument(
        "--postgresql",
        metavar="URL",
        help="PostgreSQL server on which databases may be created; default: start a temporary server",
    )
    options = parser.parse_args(arguments)
    if "postgresql" not in options.database:
        return print_table(options, "registry.json", lambda tasks, sizes: measure_tasks(tasks, options.database, sizes))
    with postgresql.server(options.postgresql) as server:
        return print_table(
            options, "registry.json", lambda tasks, sizes: measure_tasks(tasks, options.database, sizes, server)
        )
