"""Test correctness under load: writers, readers and verifiers use a registry that is killed repeatedly.

    python -m benchmarks.hammer [--minutes 3] [--database sqlite|postgresql|both] [--workers 4] [--seed 0]

Writers register items (as raw digests, as Arrow and in batches; some items get contradicting origins), withdraw and
dispute. They retry with the same Idempotency-Key until they get a response, as `firsthand.Client` does. During this
time, the server and its workers are killed with SIGKILL and started again. `expected_state` computes every expected
response from the acknowledged calls, without code of the service. The command prints rates, times, kills and the faults
of each check, and exits with status 1 if there is a fault.
"""
