"""Attack a registry: `python -m benchmarks.strangers`."""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import benchmarks.strangers
from benchmarks.bare.postgresql import database as postgresql_database
from benchmarks.harness.bench import DATABASES
from benchmarks.harness.command import machine_load
from benchmarks.strangers.attacked_registry import AttackedRegistry
from benchmarks.strangers.attacks import BY_NAME
from benchmarks.strangers.strangers_row import table_head
from benchmarks.strangers.strangers_run import IDLE, StrangersOptions, measure

ITEMS, QUICK_ITEMS = 1_000_000, 20_000
SECONDS, QUICK_SECONDS = 20.0, 5.0  # short: durations of work, not time limits
SNAPSHOTS, QUICK_SNAPSHOTS = 64, 8
NAMES = (IDLE, *BY_NAME)


def main(arguments: Sequence[str] | None = None) -> int:
    """Print a row per attack. Return 1 if a row does not pass, otherwise 0."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.strangers",
        description=benchmarks.strangers.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seconds", type=float, help=f"duration of each attack; default: {SECONDS:g}")
    parser.add_argument("--attackers", type=int, default=16, help="attackers at the same time; default: 16")
    parser.add_argument(
        "--only",
        nargs="+",
        choices=NAMES,
        default=NAMES,
        metavar="ATTACK",
        help=f"run only these attacks; choose from: {', '.join(NAMES)}",
    )
    parser.add_argument("--items", type=int, help=f"items in the registry; default: {ITEMS:,}")
    parser.add_argument("--workers", type=int, default=1, help="worker processes of the server; default: 1")
    parser.add_argument("--database", choices=DATABASES, default="sqlite", help="database to use; default: sqlite")
    parser.add_argument(
        "--quick", action="store_true", help=f"{QUICK_ITEMS:,} items and {QUICK_SECONDS:g} s per attack"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object per row instead of the table")
    options = parser.parse_args(arguments)
    seconds = options.seconds or (QUICK_SECONDS if options.quick else SECONDS)
    items = options.items or (QUICK_ITEMS if options.quick else ITEMS)
    snapshots = QUICK_SNAPSHOTS if options.quick else SNAPSHOTS
    missed = 0
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="firsthand-strangers-")))
        url = stack.enter_context(postgresql_database()) if options.database == "postgresql" else None
        registry = AttackedRegistry(folder, items, snapshots, url)
        if not options.json:
            print(f"{machine_load()} {options.database}, {items:,} items, {seconds:g} s per attack\n{table_head()}")
        for row in measure(registry, options.only, StrangersOptions(seconds, options.attackers, options.workers)):
            print(json.dumps(row.to_json(), allow_nan=False) if options.json else row.line(), flush=True)
            missed += bool(row.misses)
        if not options.json:
            print(f"\n{missed} of {len(options.only)} rows miss a bar.")
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
