"""Fuzz a registry: `python -m benchmarks.fuzz`."""

import argparse
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import benchmarks.fuzz
from benchmarks.fuzz.fuzz_run import fuzz
from benchmarks.harness.bench import DATABASES


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the fuzzer and print its report. Return 1 if there is a fault, otherwise 0."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.fuzz",
        description=benchmarks.fuzz.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    duration = parser.add_mutually_exclusive_group()
    duration.add_argument("--minutes", type=float, default=10.0, help="duration; default: 10")
    duration.add_argument("--seconds", type=float, help="duration in seconds, instead of --minutes")
    parser.add_argument("--seed", type=int, default=0, help="seed of all mutations; default: 0")
    parser.add_argument("--workers", type=int, default=1, help="worker processes of the server; default: 1")
    parser.add_argument("--senders", type=int, default=4, help="requests at the same time; default: 4")
    parser.add_argument("--only", nargs="+", default=(), metavar="FORM", help="use only these forms, such as mix")
    parser.add_argument("--database", choices=DATABASES, default="sqlite", help="database to use; default: sqlite")
    parser.add_argument(
        "--save",
        type=Path,
        help="folder for the bodies of faults; default: one for this seed in the folder of temporary files",
    )
    options = parser.parse_args(arguments)
    seconds = 60 * options.minutes if options.seconds is None else options.seconds
    save = options.save or Path(tempfile.gettempdir()) / f"firsthand-fuzz-faults-{options.seed}"
    print(f"{options.database}, {seconds:g} s, {options.workers} workers, seed {options.seed}", flush=True)
    report = fuzz(
        seconds,
        options.seed,
        save,
        database=options.database,
        workers=options.workers,
        senders=options.senders,
        only=options.only,
    )
    print(f"{report}\n{'FAULTS' if report.faults else 'no faults'}", flush=True)
    return int(bool(report.faults))


if __name__ == "__main__":
    sys.exit(main())
