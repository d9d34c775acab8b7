"""Memory that was freed goes back to the operating system."""

import platform
import subprocess
import sys

import pytest

#: Other C libraries have no such functions: there, `freed_memory` does nothing.
ONLY_GLIBC = pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the C library is not glibc")

CODE = """
from benchmarks.harness.memory import anonymous_bytes
from service import freed_memory
import os
blocks = [bytes(100_000) for _ in range(2_000)]
blocks = blocks[::100]
kept = anonymous_bytes(os.getpid())
freed_memory.give_back()
print(kept - anonymous_bytes(os.getpid()))
"""


LARGE = """
import os, threading
from benchmarks.harness.memory import anonymous_bytes
from service import freed_memory
freed_memory.limit()
def use() -> None:
    for _ in range(3):
        blocks = [bytes([1]) * 10_000_000 for _ in range(4)]
    del blocks
    used.wait()
before, used = anonymous_bytes(os.getpid()), threading.Barrier(5)
threads = [threading.Thread(target=use) for _ in range(4)]
for thread in threads:
    thread.start()
used.wait()
print(anonymous_bytes(os.getpid()) - before)
"""


@pytest.mark.slow
@ONLY_GLIBC
def test_large_blocks_of_threads_are_given_back_at_once() -> None:
    printed = subprocess.run([sys.executable, "-c", LARGE], capture_output=True, text=True, check=True).stdout
    assert int(printed) < 5 * 10**6  # without `limit`, at least one block stays


@ONLY_GLIBC
def test_freed_blocks_between_used_ones_are_given_back() -> None:
    printed = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True).stdout
    assert int(printed) > 100 * 10**6
