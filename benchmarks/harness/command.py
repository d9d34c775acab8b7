"""The command line of a table of benchmarks. The registry and the simulator use the same options."""

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

from benchmarks.harness.limits import VALID_SHARE
from benchmarks.harness.report import BenchmarkReport, BenchmarkRow
from benchmarks.harness.sizes import QUICK, Sizes

RESULTS = Path(__file__).parents[1] / "results"
_PACKAGES = ("fastapi", "uvicorn", "sqlalchemy", "psycopg", "numpy", "pyarrow", "duckdb")


def table_parser(command: str, description: str | None, tasks: Sequence[str]) -> argparse.ArgumentParser:
    """Return a parser with the options that every table has."""
    parser = argparse.ArgumentParser(
        prog=f"python -m {command}", description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="use small sizes; takes a few minutes")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=tasks,
        default=tasks,
        metavar="TASK",
        help=f"measure only these tasks; choose from: {', '.join(tasks)}",
    )
    parser.add_argument("--out", type=Path, help="file for the results; default: a file in benchmarks/results")
    return parser


def print_table(
    options: argparse.Namespace, file: str, measure: Callable[[Sequence[str], Sizes], Iterator[BenchmarkRow]]
) -> int:
    """Print and save the rows that `measure(tasks, sizes)` yields.

    Returns 1 if a full run misses a target or has an invalid baseline; otherwise 0.
    """
    sizes = QUICK if options.quick else Sizes()
    path = options.out or RESULTS / ("quick.json" if options.quick else file)
    print(machine_load())
    report = BenchmarkReport(path, run_description(sizes))
    for row in measure(options.only, sizes):
        report.add(row)
    print(f"\n{len(report.missed)} of {len(report.rows)} rows miss their target. Results are in {path}")
    if report.with_invalid_baseline:
        print(
            f"{len(report.with_invalid_baseline)} rows have an invalid baseline, under {VALID_SHARE} of the machine's "
            "limit. Run them again on an idle machine."
        )
    if options.quick:
        print("Targets are only for full sizes. A quick run shows that the benchmarks work, with approximate values.")
        return 0
    return int(bool(report.missed or report.with_invalid_baseline))


def machine_load() -> str:
    """Return a line about the machine, to print before a benchmark."""
    load = f"{os.cpu_count()} processors, load average {os.getloadavg()[0]:.1f} before the start."
    return f"{load} On a busy machine, only the ratios are reliable."


def run_description(sizes: Sizes) -> dict[str, Any]:
    """Return the description of a run: its commit, time, machine, versions and sizes."""
    return {
        "commit": _commit(),
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "processors": os.cpu_count(),
        "load": os.getloadavg()[0],
        "versions": {"python": platform.python_version(), **{name: _version(name) for name in _PACKAGES}},
        "sizes": asdict(sizes),
    }


def _commit() -> str:
    """Return the commit, with the suffix `-dirty` if files have changed. Return an empty text outside of a clone."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    described = subprocess.run(command, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=False)
    return described.stdout.strip()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None
