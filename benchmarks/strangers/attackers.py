"""The process of the attackers."""

import asyncio
import multiprocessing
import resource
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

from benchmarks.strangers.attack_target import AttackTarget
from benchmarks.strangers.attacks import BY_NAME
from benchmarks.strangers.behaviours import AttackLog

#: The maximum number of open files of the process. Each connection is one file.
_FILES = 4_096


@dataclass(frozen=True)
class AttackOutcome:
    """The start and the end of an attack (in seconds of `time.monotonic`), and the number of answers by status."""

    started: float
    ended: float
    statuses: Mapping[str, int]


def attack(name: str, target: AttackTarget, seconds: float, attackers: int) -> AttackOutcome:
    """Attack for `seconds` seconds, then close all connections. This runs in the process of the attackers."""
    return asyncio.run(_attack(name, target, seconds, attackers))


async def _attack(name: str, target: AttackTarget, seconds: float, attackers: int) -> AttackOutcome:
    row = BY_NAME[name]
    request, log = row.prepare(target), AttackLog()
    started = time.monotonic()
    tasks = [asyncio.create_task(row.behaviour(target, request, log)) for _ in range(attackers)]
    failed, _ = await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_EXCEPTION)
    ended = time.monotonic()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    for task in failed:  # an attacker never ends by itself, so this is an error in the attacker
        task.result()
    return AttackOutcome(started, ended, dict(log.statuses))


@contextmanager
def attackers_process() -> Iterator[ProcessPoolExecutor]:
    """Start the process of the attackers. It ends at the end of the `with` block."""
    # spawned, not forked: this process has threads
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), initializer=_allow_files) as executor:
        yield executor


def _allow_files() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < _FILES:
        most = _FILES if hard == resource.RLIM_INFINITY else min(_FILES, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))
