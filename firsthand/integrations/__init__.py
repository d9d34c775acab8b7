"""Engines whose steps are subclasses of their own; each module imports its engine. Others take `annotate` as it is."""
