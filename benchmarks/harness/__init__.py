"""Code that all benchmarks share: sizes, served registries, load, memory, limits, tables of results.

The tests use `served_registry` and `waiting` too.
"""
