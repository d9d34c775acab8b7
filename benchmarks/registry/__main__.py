"""Measure the registry: `python -m benchmarks.registry`."""

import sys

from benchmarks.registry.suite import main

if __name__ == "__main__":
    sys.exit(main())
