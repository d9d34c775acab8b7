"""Correctness under load: paced writers, readers and verifiers against a registry that is killed again and again.

    python -m benchmarks.hammer [--minutes 3] [--database sqlite|postgresql|both] [--workers 4] [--seed 0]

Writers register (raw, Arrow, batches, some of it what others say otherwise), withdraw and dispute, and retry under the
same Idempotency-Key until they are answered, as `firsthand.Client` does. Meanwhile the whole server is killed with
SIGKILL and started again, and single workers in between. What was acknowledged is kept in a model of our own (`model`),
and every answer is held against it. Prints rates, times, kills and the faults of each check; exits 1 with any fault.
"""
