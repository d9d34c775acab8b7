"""Benchmarks: each value is compared with a baseline, a limit of the machine or a target. Not part of the wheel.

Run them from a clone, on an idle machine. Every command explains its options with `--help`.

Tables, saved in benchmarks/results (`make bench` runs the first two; `--quick` takes minutes, `--only TASK` selects):

    python -m benchmarks.registry     registration, look-ups, mixes, snapshots and growth, compared with bare drivers
    python -m benchmarks.simulator    models and runs, compared with numpy, scikit-learn and plain torch
    python -m benchmarks.recorder     the latency of `Recorder.add` (a part of the registry's table)
    python -m benchmarks.snapshots    snapshots and `firsthand check` (a part of the registry's table)

Correctness under load:

    python -m benchmarks.hammer       writers, readers and verifiers on a registry that is killed again and again

Single measurements, printed only:

    python -m benchmarks.registry.batch_lookups      look-ups in each request and response format
    python -m benchmarks.registry.storage_per_item   bytes and rates per item as the registry grows
    python -m benchmarks.registry.digest_recall      edited copies that exact digests recognize
    python -m benchmarks.snapshots.check_command     `firsthand check` compared with reading and hashing the lines
    python -m benchmarks.snapshots.false_verdicts    wrong verdicts of a snapshot compared with those that it states
    python -m benchmarks.bare.baselines              the bare drivers compared with the limits of the machine

`harness` has the code that these share, and `bare` has the baselines.
"""
