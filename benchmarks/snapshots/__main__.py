"""Measure snapshots: `python -m benchmarks.snapshots`."""

import sys

from benchmarks.registry.suite import main

if __name__ == "__main__":
    sys.exit(main(command="benchmarks.snapshots", tasks=("snapshot", "check")))
