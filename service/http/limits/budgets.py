"""The cost of requests, and the budgets of API keys and of all callers without a key.

One unit of cost is about a millisecond of one processor core. If a cost is known or estimated before the work, it is
*spent*: if the budget is too small, the request gets status 429. If a cost is known only after the body was read, it is
*owed*: the budget may become negative, and the next requests wait until it is positive again.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Annotated

from fastapi import Depends, Request

from service.errors import NotPermitted, TooManyRequests
from service.http.auth import Caller, MaybeCaller
from service.http.state import shared
from service.settings import Settings

#: The cost of every request: parsing, the key, a transaction, the answer.
REQUEST = 4.0
#: How much of each quantity costs one unit. Measured with SQLite on two cores: see docs/decisions/0063.
BODY_BYTES_PER_UNIT = 65_536
REGISTERED_ITEMS_PER_UNIT = 200
STATEMENTS_PER_UNIT = 20
LOOKED_UP_ITEMS_PER_UNIT = 400
SENT_ITEMS_PER_UNIT = 5_000
LISTED_ENTRIES_PER_UNIT = 50
COUNTED_REGISTRATIONS_PER_UNIT = 5_000
POSITIONS_PER_UNIT = 10

#: Unused budget is saved, up to the units of this number of seconds.
_SAVED_SECONDS = 10.0
#: The number of keys whose budgets are kept in memory. If there are more, the key that was not used for the longest
#: time is removed.
_KEYS_IN_MEMORY = 10_000


class TokenBucket:
    """Units that are refilled at a constant rate, up to the units of ten seconds. It is not thread-safe."""

    def __init__(self, units_per_minute: float, clock: Callable[[], float]) -> None:
        self._rate = units_per_minute / 60
        self._capacity = max(1.0, self._rate * _SAVED_SECONDS)
        self._clock = clock
        self._level, self._refilled_at = self._capacity, clock()

    def take(self, cost: float, taken: float = 0.0) -> float:
        """Take a cost and return 0.0. If there are too few units, take nothing and return the seconds to wait.

        A cost above the capacity is taken from a full bucket, whose level then is negative. `taken` is the cost that
        the same request has already taken. The bucket must have had enough units for both costs, up to its capacity.
        Without this rule, a request that takes two costs, each below the capacity, could be refused at its second cost
        every time.
        """
        self._refill()
        missing = min(taken + cost, self._capacity) - (self._level + taken)
        if missing > 0:
            return missing / self._rate
        self._level -= cost
        return 0.0

    def owe(self, cost: float) -> None:
        """Take a cost. The level can become negative."""
        self._refill()
        self._level -= cost

    def _refill(self) -> None:
        now = self._clock()
        self._level = min(self._capacity, self._level + (now - self._refilled_at) * self._rate)
        self._refilled_at = now


class Budgets:
    """The budgets of one process: one bucket for each key, and one for all callers without a key.

    `workers` is the number of processes that serve the same address. Each process has an equal part of every budget.
    """

    def __init__(self, settings: Settings, workers: int = 1, clock: Callable[[], float] = time.monotonic) -> None:
        self._settings, self._workers, self._clock = settings, workers, clock
        self._lock = Lock()
        self._keys = OrderedDict[str, TokenBucket]()
        self._anonymous = TokenBucket(settings.anonymous_budget / workers, clock)

    def spend(self, caller: Caller | None, cost: float, taken: float = 0.0) -> None:
        """Take a cost from the budget of a caller. Raises TooManyRequests if the budget is too small.

        `taken` is the cost that the same request has already taken.
        """
        with self._lock:
            seconds = self._bucket(caller).take(cost, taken)
        if seconds:
            wait = math.ceil(seconds)
            budget = (
                f"The requests without an API key have spent their common budget of "
                f"{self._settings.anonymous_budget:,} units of cost per minute. Use an API key, which has its own "
                f"budget, or send the request again after {wait} s."
                if caller is None
                else f"This API key has spent its budget of {self._settings.key_budget:,} units of cost per minute. "
                f"Send the request again after {wait} s."
            )
            raise TooManyRequests(budget, wait)

    def owe(self, caller: Caller | None, cost: float) -> None:
        """Take the cost of work that has already begun.

        The budget can become negative: then later requests must wait.
        """
        with self._lock:
            self._bucket(caller).owe(cost)

    def _bucket(self, caller: Caller | None) -> TokenBucket:
        if caller is None:
            return self._anonymous
        bucket = self._keys.get(caller.key)
        if bucket is None:
            bucket = self._keys[caller.key] = TokenBucket(self._settings.key_budget / self._workers, self._clock)
            if len(self._keys) > _KEYS_IN_MEMORY:
                self._keys.popitem(last=False)
        self._keys.move_to_end(caller.key)
        return bucket


class Spending:
    """The budget of one request, from which its costs are taken."""

    def __init__(self, budgets: Budgets, caller: Caller | None, settings: Settings) -> None:
        self._budgets, self._caller, self._most = budgets, caller, settings.anonymous_scan_cost
        self._taken = 0.0

    def spend(self, cost: float) -> None:
        """Take a cost. Raises TooManyRequests if the budget is too small."""
        self._budgets.spend(self._caller, cost, self._taken)
        self._taken += cost

    def owe(self, cost: float) -> None:
        """Take the cost of work that has already begun. The budget can become negative."""
        self._budgets.owe(self._caller, cost)

    def check_scan(self, cost: float, description: str) -> None:
        """Raise NotPermitted if the caller has no key and the scan costs more than is allowed without a key.

        `description` is a sentence that says what the scan reads. The message begins with it.
        """
        if self._caller is None and cost > self._most:
            raise NotPermitted(
                f"{description} The estimated cost is {math.ceil(cost):,} units; without an API key, at most "
                f"{self._most:,} are allowed. Use an API key, or narrow the recipe: fewer parts, datasets or items."
            )


async def _spending(
    request: Request,
    caller: MaybeCaller,
    budgets: Annotated[Budgets, shared(Budgets)],
    settings: Annotated[Settings, shared(Settings)],
) -> Spending:
    """Take the cost of a request and of its body, before the body is received.

    A body without the header Content-Length costs as much as the largest JSON body.
    """
    stated = request.headers.get("content-length", "0")
    size = settings.max_json_bytes if "transfer-encoding" in request.headers or not stated.isdigit() else int(stated)
    spending = Spending(budgets, caller, settings)
    spending.spend(REQUEST + size / BODY_BYTES_PER_UNIT)
    return spending


#: The dependency that takes the cost of a request. Every route has it. A handler uses it to take more costs.
SpendingOf = Annotated[Spending, Depends(_spending)]
#: The same dependency, for `include_router`.
charged = Depends(_spending)
