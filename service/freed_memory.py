"""Give freed memory back to the operating system.

glibc keeps the memory that large bodies have used, in an arena per thread. After a burst of requests, a process would
stay hundreds of megabytes larger than it needs.
"""

import ctypes
import sys

#: Seconds between two calls of `give_back`. It takes some milliseconds.
SECONDS = 20.0


def give_back() -> None:
    """Return all free pages of the heap. This has an effect with glibc only."""
    if not sys.platform.startswith("linux"):
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)  # musl has no such function
    if trim is not None:
        trim(0)
