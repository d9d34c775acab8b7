"""The table of the simulator's speed: each figure beside its baseline in the same run, its bar, pass or miss.

    python -m benchmarks.simulator [--quick] [--only WORK …]

On one thread, as every run computes. Written to benchmarks/results/simulator.json like the registry's table.
"""

import argparse
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from benchmarks.bare.baselines import Sizes
from benchmarks.harness.bench import Bench
from benchmarks.harness.rows import Report, Row
from benchmarks.registry.suite import QUICK, RESULTS, head
from benchmarks.simulator import autoencoders, gaussian_chains, gaussian_mixtures, registry_share, transformer

WORKS: dict[str, Callable[[Bench], Iterator[Row]]] = {
    "chains": gaussian_chains.rows,
    "mixtures": gaussian_mixtures.rows,
    "autoencoders": autoencoders.rows,
    "transformer": transformer.rows,
    "registry": registry_share.rows,
}


def measured(works: Sequence[str], sizes: Sizes) -> Iterator[Row]:
    """The rows of these works, as they come."""
    torch.set_num_threads(1)
    with threadpool_limits(1):  # numpy's and scikit-learn's
        for work, rows in WORKS.items():
            if work in works:
                with Bench("sqlite", sizes, np.random.default_rng(0)) as bench:
                    yield from rows(bench)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; 1 where a full run missed a bar."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.simulator", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="smaller sizes, in a minute or so")
    parser.add_argument("--only", nargs="+", choices=WORKS, default=tuple(WORKS), metavar="WORK", help=", ".join(WORKS))
    parser.add_argument("--out", type=Path, help="where the rows go in place of benchmarks/results")
    asked = parser.parse_args(arguments)
    sizes = QUICK if asked.quick else Sizes()
    path = asked.out or RESULTS / ("quick.json" if asked.quick else "simulator.json")
    print(f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.1f} before: ratios hold where a machine is busy")
    report = Report(path, head(sizes))
    for row in measured(asked.only, sizes):
        report.add(row)
    print(f"\n{len(report.missed)} missed, of {len(report.rows)} rows in {path}")
    if asked.quick:
        print("The bars are of the full sizes: a quick run says what works, and roughly how.")
    return int(bool(report.missed) and not asked.quick)
