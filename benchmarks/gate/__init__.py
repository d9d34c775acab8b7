"""Measure the cost of `firsthand check` on a file of JSON lines, with a snapshot and with a registry.

    python -m benchmarks.gate [--quick] [--lines 1000000] [--held 10000000] [--times 5] [--workers 2] [--json]

Each command runs with one process and with several (`--workers`). Every second line is in the snapshot and in the
registry, as model output. A line has about 330 bytes. The measured time includes imports, opening the snapshot,
reading, hashing under both profiles, look-ups and totals. The commands run one after the other, in rounds, so that
other work on the machine affects all of them.

The table has the median of the seconds, and the CPU seconds of the command and of the registry. From these, it has the
rows and the gigabytes (10^9 bytes of the file) per core-hour. The exit status is 1 if a second process makes a command
less than 1.6 times as fast.
"""
