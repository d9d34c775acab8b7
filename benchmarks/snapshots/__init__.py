"""Snapshots: build, look-up, false verdicts, and `firsthand check` with one."""
