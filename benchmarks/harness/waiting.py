"""Wait for a condition that another process or thread makes true."""

import time
from collections.abc import Callable
from typing import TypeVar

#: The maximum time of any wait, in seconds. It is long, so that a wait ends early only if a process hangs.
PATIENCE_SECONDS = 300.0

_POLL_SECONDS = 0.01  # short: the interval between two checks, not a time limit

Answer = TypeVar("Answer")


def wait_until(condition: Callable[[], Answer], failure: str | Callable[[], str] = "the condition") -> Answer:
    """Call `condition` until its result is true, and return this result.

    Raises TimeoutError after PATIENCE_SECONDS. The message has `failure`: the event that did not happen, or a function
    that returns this text.
    """
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not (answer := condition()):
        if time.monotonic() > deadline:
            words = failure if isinstance(failure, str) else failure()
            raise TimeoutError(f"after {PATIENCE_SECONDS:.0f} s: {words}")
        time.sleep(_POLL_SECONDS)
    return answer
