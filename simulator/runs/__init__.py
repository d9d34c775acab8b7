"""Runs of experiments: their rounds, registry, items, files, saved states and results."""
