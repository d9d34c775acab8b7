"""Digests, names, verdicts and selection: pure functions that import nothing else of this project."""
