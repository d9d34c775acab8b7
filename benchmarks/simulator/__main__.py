"""Measure the simulator: `python -m benchmarks.simulator`."""

import sys

from benchmarks.simulator.suite import main

if __name__ == "__main__":
    sys.exit(main())
