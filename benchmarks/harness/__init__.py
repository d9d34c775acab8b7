"""What all benchmarks share: sizes, rows, served registries, load, memory, limits of the machine."""
