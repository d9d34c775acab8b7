"""Snapshots: build time, size, look-ups, wrong verdicts, and `firsthand check` with a snapshot."""
