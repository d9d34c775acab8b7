"""Measure what a gate costs: `python -m benchmarks.gate`."""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import benchmarks.gate
from benchmarks.gate.gate_cost import GateCost, GateInput, measure, prepare, speed_up
from benchmarks.harness.command import machine_load
from benchmarks.harness.served_registry import serve_empty

LINES, QUICK_LINES = 1_000_000, 100_000
HELD, QUICK_HELD = 10_000_000, 1_000_000
#: The minimum speed-up by a second process. With a lower speed-up, the benchmark fails.
LEAST_SPEED_UP = 1.6

_LINE = "{:<9} {:>9} {:>8} {:>15} {:>12} {:>10} {:>16} {:>10}"


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table. Return 1 if the speed-up by a second process is too low, otherwise 0."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gate",
        description=benchmarks.gate.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--lines", type=int, help=f"lines in the file; default: {LINES:,}")
    parser.add_argument("--held", type=int, help=f"items in the snapshot; default: {HELD:,}")
    parser.add_argument("--times", type=int, default=5, help="runs of each command; default: 5")
    parser.add_argument("--workers", type=int, default=2, help="processes that are compared with one; default: 2")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_LINES:,} lines, {QUICK_HELD:,} items")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    options = parser.parse_args(arguments)
    count = options.lines or (QUICK_LINES if options.quick else LINES)
    held = options.held or (QUICK_HELD if options.quick else HELD)
    with tempfile.TemporaryDirectory(prefix="firsthand-gate-") as folder, serve_empty() as registry:
        gate_input = prepare(Path(folder), registry, count, held)
        costs = list(measure(gate_input, (1, options.workers), options.times))
        gains = {source: speed_up(costs, source) for source in ("snapshot", "registry")}
        if options.json:
            print(json.dumps({"lines": count, "costs": [asdict(cost) for cost in costs], "speed_up": gains}))
        else:
            _print(gate_input, costs)
            for source, gain in gains.items():
                passed = "pass" if gain >= LEAST_SPEED_UP else "MISS"
                print(f"{options.workers} processes by {source}: {gain:.2f} times as fast as one ({passed})")
    return int(min(gains.values()) < LEAST_SPEED_UP)


def _print(gate_input: GateInput, costs: Sequence[GateCost]) -> None:
    print(f"{machine_load()} {gate_input.lines:,} lines, {gate_input.gigabytes:.3f} GB")
    heads = ("by", "processes", "seconds", "command: CPU s", "rows/core-h", "GB/core-h", "registry: CPU s", "GB/core-h")
    print(_LINE.format(*heads))
    for cost in costs:
        print(
            _LINE.format(
                cost.source,
                cost.workers,
                f"{cost.clock:.2f}",
                f"{cost.command:.2f}",
                f"{3600 * gate_input.lines / cost.command / 1e6:,.0f} M",
                f"{3600 * gate_input.gigabytes / cost.command:,.0f}",
                f"{cost.registry:.2f}",
                f"{3600 * gate_input.gigabytes / cost.registry:,.0f}" if cost.source == "registry" else "-",
            )
        )


if __name__ == "__main__":
    sys.exit(main())
