"""The cost of a gate: `firsthand check` on a file of JSON lines, by a snapshot and by a registry, in 1 and 2 processes.

    python -m benchmarks.gate [--quick] [--lines 1000000] [--held 10000000] [--times 5] [--workers 2] [--json]

Every second line is in the snapshot and in the registry, as the output of a model. The lines have about 330 bytes. Each
command runs in a process of its own. Its time includes imports, opening the snapshot, reading, hashing under both
profiles, look-ups and totals. The commands run in turn, so that a busy machine slows all of them.

The table has the median of the seconds, the seconds of CPU of the command and of the registry, and from these the rows
and the gigabytes (10^9 bytes of the file) per core-hour of each. The exit status is 1 if a second process makes a
command less than 1.6 times as fast.
"""
