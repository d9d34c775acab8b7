"""Measure the recorder: `python -m benchmarks.recorder`."""

import sys

from benchmarks.registry.suite import main

if __name__ == "__main__":
    sys.exit(main(command="benchmarks.recorder", tasks=("recorder",)))
