"""Give freed memory back to the operating system.

glibc keeps the memory that large bodies have used, in an arena per thread, and the more the larger the freed blocks
were. After a burst of requests, a process would stay hundreds of megabytes larger than it needs.
"""

import ctypes
import sys
from typing import Any

#: Seconds between two calls of `give_back`. It takes some milliseconds.
SECONDS = 20.0

#: Blocks of this many bytes or more are returned when they are freed, and so is this much free memory at the end of an
#: arena. glibc raises its own limit to 32 MiB as soon as such a block was freed.
_LIMIT = 2**22
#: The numbers of these parameters in malloc.h.
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3


def limit() -> None:
    """Set how much freed memory this process keeps. This has an effect with glibc only."""
    if (set_parameter := _function("mallopt")) is not None:
        set_parameter(_TRIM_THRESHOLD, _LIMIT)
        set_parameter(_MMAP_THRESHOLD, _LIMIT)


def give_back() -> None:
    """Return the free pages between used blocks. This has an effect with glibc only."""
    if (trim := _function("malloc_trim")) is not None:
        trim(0)


def _function(name: str) -> Any:
    """Return a function of the C library; None if this library does not have it (musl, macOS, Windows)."""
    return getattr(ctypes.CDLL(None), name, None) if sys.platform.startswith("linux") else None
