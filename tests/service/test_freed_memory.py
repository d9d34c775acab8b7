"""Memory that was freed goes back to the operating system."""

import subprocess
import sys

import pytest

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


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc only")
def test_freed_blocks_between_used_ones_are_given_back() -> None:
    printed = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True).stdout
    assert int(printed) > 100 * 10**6
