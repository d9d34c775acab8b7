"""Baselines: the tasks of the registry with bare drivers, without a service, an ORM or validation.

Benchmarks compare the registry with these baselines. They are written to be as fast as possible, and use no code of the
service.
"""
