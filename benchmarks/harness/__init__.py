"""What benchmarks and tests share: a registry served by a process of its own, and how they wait for it."""
