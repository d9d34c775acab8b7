"""The behaviours of attackers: what an attacker does with its connections until it is cancelled."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from itertools import count
from typing import Any

from benchmarks.strangers.attack_target import AttackTarget
from benchmarks.strangers.raw_http import connect, exchange, read_status, status_of

#: The bytes that a slow reader reads per second, and the size of its receive buffer in the kernel.
_SLOW_BYTES, _SLOW_BUFFER = 1_024, 4_096
#: Seconds between two bytes, or two reads, of a slow attacker.
_SLOW_INTERVAL = 1.0

#: A function that returns the request with a given number. All attackers together count their requests.
NumberedRequest = Callable[[int], bytes]


class AttackLog:
    """The number of the next request, and the number of answers by status, for all attackers together."""

    def __init__(self) -> None:
        self.numbers = count()
        self.statuses = Counter[str]()


#: A coroutine that is one attacker. Its second argument was prepared before the attack began.
Behaviour = Callable[[AttackTarget, NumberedRequest, AttackLog], Coroutine[Any, Any, None]]


async def repeat(target: AttackTarget, request: NumberedRequest, log: AttackLog) -> None:
    """Send one request after the other, each on a new connection, and read every answer.

    If a request is not complete, wait until the server closes the connection.
    """
    while True:
        log.statuses[await exchange(target.host, target.port, request(next(log.numbers)))] += 1


def many(connections: int, behaviour: Behaviour) -> Behaviour:
    """Return a behaviour that runs `behaviour` on several connections at the same time."""

    async def attack(target: AttackTarget, request: NumberedRequest, log: AttackLog) -> None:
        await asyncio.gather(*(behaviour(target, request, log) for _ in range(connections)))

    return attack


async def send_slowly(target: AttackTarget, request: NumberedRequest, log: AttackLog) -> None:
    """Send the head of a request, then one byte of its body per second, until the server closes the connection."""
    while True:
        try:
            connection = await connect(target.host, target.port)
        except OSError:
            log.statuses["refused"] += 1
            continue
        with connection:
            dripping = asyncio.create_task(_drip(connection, request(next(log.numbers))))
            try:
                log.statuses[await read_status(connection)] += 1
            finally:
                dripping.cancel()
                await asyncio.wait(
                    [dripping]
                )  # wait for the task before the socket is closed, and still allow that this task is cancelled


async def _drip(connection: Any, head: bytes) -> None:
    loop = asyncio.get_running_loop()
    with suppress(OSError):  # the server has closed the connection
        await loop.sock_sendall(connection, head)
        while True:
            await loop.sock_sendall(connection, b" ")
            await asyncio.sleep(_SLOW_INTERVAL)


async def read_slowly(target: AttackTarget, request: NumberedRequest, log: AttackLog) -> None:
    """Send a request, and read one kilobyte of the answer per second. Count the status when it arrives."""
    loop = asyncio.get_running_loop()
    while True:
        try:
            connection = await connect(target.host, target.port, _SLOW_BUFFER)
        except OSError:
            log.statuses["refused"] += 1
            continue
        with connection, suppress(OSError):
            await loop.sock_sendall(connection, request(next(log.numbers)))
            received = await loop.sock_recv(connection, _SLOW_BYTES)
            log.statuses[status_of(received)] += 1
            while received:
                await asyncio.sleep(_SLOW_INTERVAL)
                received = await loop.sock_recv(connection, _SLOW_BYTES)
