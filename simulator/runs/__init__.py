"""A run: its rounds, registry process, contents, journal, checkpoints and results."""
