"""Run attacks, one after the other, and measure a row for each attack."""

import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass

import numpy as np

from benchmarks.bare.inputs import random_digests
from benchmarks.harness.workers_watch import WorkersWatch
from benchmarks.strangers.attacked_registry import AttackedRegistry
from benchmarks.strangers.attackers import AttackOutcome, attack, attackers_process
from benchmarks.strangers.attacks import BY_NAME, Attack
from benchmarks.strangers.probes import Probe, Probing
from benchmarks.strangers.strangers_row import MOST_KEPT, StrangersRow

#: The name of the row without attackers.
IDLE = "idle"
#: Seconds between two samples of the memory.
_SAMPLE_INTERVAL = 0.05
#: The number of requests of each probe before the attack, so that caches and threads exist.
_WARM_UP = 20
#: The number of digests in the look-up of the probe, and of items in a registration of the other organization. Such a
#: registration has more than 64 KiB.
_LOOKED_UP, _REGISTERED = 100, 3_000


@dataclass(frozen=True)
class StrangersOptions:
    """The duration of an attack, the number of attackers, and the seconds in which the memory must return."""

    seconds: float = 20.0
    attackers: int = 16
    workers: int = 1
    settle_seconds: float = 60.0


def measure(registry: AttackedRegistry, names: Sequence[str], options: StrangersOptions) -> Iterator[StrangersRow]:
    """Yield the row of each attack in `names`, in this order. The name `IDLE` is a row without attackers."""
    with attackers_process() as executor:
        for name in names:
            yield _measure(registry, BY_NAME.get(name), options, executor)


def _measure(
    registry: AttackedRegistry, row: Attack | None, options: StrangersOptions, executor: Executor
) -> StrangersRow:
    look_up = registry.looked_up(_LOOKED_UP)
    probes = [
        Probe("health", "GET", "/healthz"),
        Probe("look-up", "POST", "/v1/lookups", look_up, registry.reader_key),
    ]
    if row is not None and row.registers_beside:
        probes.append(_registration_probe(registry))
    with registry.serve(options.workers) as served:
        for probe in probes:
            for _ in range(_WARM_UP):
                probe.send(served.port)
            probe.answers.clear()
        with WorkersWatch(served, options.workers, _SAMPLE_INTERVAL) as watch:
            before = watch.sample()
            with Probing(served.port, probes):
                if row is None:
                    outcome = _wait(options.seconds)
                else:
                    target = registry.target(served)
                    outcome = executor.submit(attack, row.name, target, options.seconds, options.attackers).result()
            after = _settled(watch, before, options.settle_seconds)
    times = [probe.times(outcome.started, outcome.ended) for probe in probes]
    return StrangersRow(
        attack=IDLE if row is None else row.name,
        sender="-" if row is None else row.sender,
        sends="nothing" if row is None else row.sends,
        health=times[0],
        look_up=times[1],
        registration=times[2] if len(times) > 2 else None,
        before=before,
        peak=watch.peak(outcome.started),
        after=after,
        died=len(watch.died),
        statuses=outcome.statuses,
    )


def _registration_probe(registry: AttackedRegistry) -> Probe:
    """Return a probe that registers items in another organization.

    Its bodies are so large that they need an upload slot.
    """
    digests = random_digests(_REGISTERED, np.random.default_rng(1)).tobytes()
    path = "/v1/datasets/other/d/registrations?origin=human"
    return Probe("registration", "POST", path, digests, registry.other_key, expected="201", interval=1.0)


def _wait(seconds: float) -> AttackOutcome:
    started = time.monotonic()
    time.sleep(seconds)
    return AttackOutcome(started, time.monotonic(), {})


def _settled(watch: WorkersWatch, before: int, seconds: float) -> int:
    """Wait until the memory has returned to about `before`, for at most `seconds` seconds. Return the memory."""
    deadline = time.monotonic() + seconds
    after = watch.sample()
    while after - before > MOST_KEPT and time.monotonic() < deadline:
        time.sleep(_SAMPLE_INTERVAL)
        after = watch.sample()
    return after
