"""What an attacker does on its connections until it is cancelled."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import suppress
from itertools import count
from typing import Any

from benchmarks.strangers.attack_target import AttackTarget
from benchmarks.strangers.raw_http import connect, exchange, read_status, status_of

#: Bytes that a slow reader takes per second, and the size of its buffer in the kernel.
_SLOW_BYTES, _SLOW_BUFFER = 1_024, 4_096
#: Seconds between two bytes, or two reads, of a slow attacker.
_SLOW_INTERVAL = 1.0

#: Returns the request with this number. All attackers share one sequence of numbers.
NumberedRequest = Callable[[int], bytes]


class AttackLog:
    """The next number of a request, and the numbers of answers by status, of all attackers together."""

    def __init__(self) -> None:
        self.numbers = count()
        self.statuses = Counter[str]()


#: Starts one attacker. `request` was prepared before the attack began.
Behaviour = Callable[[AttackTarget, NumberedRequest, AttackLog], Coroutine[Any, Any, None]]


async def repeat(target: AttackTarget, request: NumberedRequest, log: AttackLog) -> None:
    """Send one request after the other, each on a new connection, and read every answer.

    After a request that is not complete, this waits until the server closes the connection.
    """
    while True:
        log.statuses[await exchange(target.host, target.port, request(next(log.numbers)))] += 1


def many(connections: int, behaviour: Behaviour) -> Behaviour:
    """Return an attacker that does the same on several connections at a time."""

    async def attack(target: AttackTarget, request: NumberedRequest, log: AttackLog) -> None:
        await asyncio.gather(*(behaviour(target, request, log) for _ in range(connections)))

    return attack


async def send_slowly(target: AttackTarget, request: NumberedRequest, log: AttackLog) -> None:
    """Send the head of a request, then one byte of its body per second, until the server ends it."""
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
                await asyncio.wait([dripping])  # before the socket is closed; an own cancellation is not lost


async def _drip(connection: Any, head: bytes) -> None:
    loop = asyncio.get_running_loop()
    with suppress(OSError):  # the server has ended it
        await loop.sock_sendall(connection, head)
        while True:
            await loop.sock_sendall(connection, b" ")
            await asyncio.sleep(_SLOW_INTERVAL)


async def read_slowly(target: AttackTarget, request: NumberedRequest, log: AttackLog) -> None:
    """Send a request, and take a kilobyte per second of its answer. The status is counted when it comes."""
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
