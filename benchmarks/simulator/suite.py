"""Measure the speed of the simulator, and compare each value with a baseline of the same run and with a target.

All tasks run on one thread, as runs of the simulator do. Rows are saved in benchmarks/results/simulator.json, in the
same format as the rows of the registry.
"""

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from benchmarks.harness.bench import Bench
from benchmarks.harness.command import print_table, table_parser
from benchmarks.harness.report import BenchmarkRow
from benchmarks.harness.sizes import Sizes
from benchmarks.simulator import autoencoders, gaussian_chains, gaussian_mixtures, registry_share, transformer

TASKS: dict[str, Callable[[Bench], Iterator[BenchmarkRow]]] = {
    "chains": gaussian_chains.rows,
    "mixtures": gaussian_mixtures.rows,
    "autoencoders": autoencoders.rows,
    "transformer": transformer.rows,
    "registry": registry_share.rows,
}


def measure_tasks(tasks: Sequence[str], sizes: Sizes) -> Iterator[BenchmarkRow]:
    """Measure these tasks; yield each row when it is measured."""
    torch.set_num_threads(1)
    with threadpool_limits(1):  # numpy and scikit-learn
        for task, rows in TASKS.items():
            if task in tasks:
                with Bench("sqlite", sizes, np.random.default_rng(0)) as bench:
                    yield from rows(bench)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; return 1 if a full run misses a target."""
    parser = table_parser("benchmarks.simulator", __doc__, tuple(TASKS))
    return print_table(parser.parse_args(arguments), "simulator.json", measure_tasks)
