"""The cost of one command of the gate: its seconds, and the CPU seconds of the command and of the registry."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np

from benchmarks.bare import lines
from benchmarks.harness.served_registry import ServedRegistry
from benchmarks.snapshots.check_command import write_snapshot
from firsthand import Client, Digested
from firsthand.core.digests import Digests, stack

#: The number of items in each registration before the measurement.
_REGISTRATION = 500_000


@dataclass(frozen=True)
class GateInput:
    """The lines to check, and a snapshot and a registry in which every second line is registered."""

    file: Path
    lines: int
    snapshot: Path
    registry: ServedRegistry

    @property
    def gigabytes(self) -> float:
        return self.file.stat().st_size / 1e9


@dataclass(frozen=True)
class GateTimes:
    """The seconds of one run: elapsed time, CPU time of the command, and CPU time of the registry."""

    clock: float
    command: float
    registry: float


@dataclass(frozen=True)
class GateCost:
    """The runs of one command, and their medians."""

    source: str
    workers: int
    runs: tuple[GateTimes, ...]

    @property
    def clock(self) -> float:
        """The median of the elapsed seconds."""
        return median(run.clock for run in self.runs)

    @property
    def command(self) -> float:
        """The median of the CPU seconds of the command, in all its processes."""
        return median(run.command for run in self.runs)

    @property
    def registry(self) -> float:
        """The median of the CPU seconds of the registry."""
        return median(run.registry for run in self.runs)


def prepare(folder: Path, registry: ServedRegistry, count: int, held: int) -> GateInput:
    """Write `count` lines and a snapshot with `held` items, and register every second line in the registry."""
    generator = np.random.default_rng(0)
    file, snapshot = folder / "lines.jsonl", folder / "snapshot"
    lines.write(file, count, generator)
    digests, _ = lines.read_and_hash(file)
    known = stack(digests[::2])
    write_snapshot(snapshot, known, held, generator, bits=28)
    _register(registry, known)
    return GateInput(file, count, snapshot, registry)


def measure(gate_input: GateInput, workers: Sequence[int], times: int) -> Iterator[GateCost]:
    """Run each command `times` times. In each round, all commands run once. Yield the cost of each command.

    Raises AssertionError if a verdict is wrong.
    """
    commands = [(source, number) for source in ("snapshot", "registry") for number in workers]
    runs: dict[tuple[str, int], list[GateTimes]] = {command: [] for command in commands}
    for _ in range(times):
        for command in commands:
            runs[command].append(_run(gate_input, *command))
    for (source, number), measured in runs.items():
        yield GateCost(source, number, tuple(measured))


def speed_up(costs: Sequence[GateCost], source: str) -> float:
    """Return the seconds with one process, divided by the seconds with the largest number of processes."""
    clocks = {cost.workers: cost.clock for cost in costs if cost.source == source}
    return clocks[min(clocks)] / clocks[max(clocks)]


def _register(registry: ServedRegistry, known: Digests) -> None:
    with Client(registry.url, registry.api_key) as client:
        client.put_dataset("local/lines", profile="text-1")
        client.put_model("local/writer@1", generation=1)
        for start in range(0, len(known), _REGISTRATION):
            client.register(
                "local/lines", Digested(known[start : start + _REGISTRATION]), origin="model", model="local/writer@1"
            )


def _run(gate_input: GateInput, source: str, workers: int) -> GateTimes:
    """Run the command once, and return its times."""
    command = [sys.executable, "-m", "firsthand", "check", str(gate_input.file), "--json", "--workers", str(workers)]
    if source == "snapshot":
        command += ["--snapshot", str(gate_input.snapshot)]
    environment = {**os.environ, "FIRSTHAND_URL": gate_input.registry.url}
    environment["FIRSTHAND_API_KEY"] = gate_input.registry.api_key
    before, started = _cpu_seconds(gate_input.registry.pid), perf_counter()
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=environment) as process:
        assert process.stdout is not None
        output = process.stdout.read()
        # the CPU time includes that of the worker processes, for whose end the command has waited
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        clock = perf_counter() - started
    assert process.returncode == 0, output
    counts = json.loads(output.splitlines()[-1])["counts"]
    assert counts["model"] >= (gate_input.lines + 1) // 2, counts
    assert counts["unknown"] + counts["model"] == gate_input.lines, counts
    return GateTimes(clock, usage.ru_utime + usage.ru_stime, _cpu_seconds(gate_input.registry.pid) - before)


def _cpu_seconds(pid: int) -> float:
    """Return the CPU seconds that a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # utime and stime
