"""Waiting for a condition that another process or thread makes true."""

import time
from collections.abc import Callable
from typing import TypeVar

#: How long anything is waited for. Only what hangs takes so long: a busy machine must not end a wait.
PATIENCE_SECONDS = 300.0

_POLL_SECONDS = 0.01  # short: how often it looks, and no limit

Answer = TypeVar("Answer")


def wait_until(condition: Callable[[], Answer], failure: str | Callable[[], str] = "the condition") -> Answer:
    """Call `condition` until what it returns is true, and return that.

    Raises TimeoutError after PATIENCE_SECONDS, with `failure`: what did not happen, or a function that tells it.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (answer := condition()):
        if time.monotonic() > deadline:
            words = failure if isinstance(failure, str) else failure()
            raise TimeoutError(f"after {PATIENCE_SECONDS:.0f} s: {words}")
        time.sleep(_POLL_SECONDS)
    return answer
