"""Code that all benchmarks share: sizes, served registries, load, memory, limits, tables of results.

`served_registry` and `waiting` serve the tests too.
"""
