"""Benchmarks. They compare each value with a baseline, a limit of the machine or a target. The wheel omits them.

Run them from a clone, on an idle machine. Every command explains its options with `--help`.

Tables, which are saved in benchmarks/results. `make bench` runs the first two. `--quick` uses small sizes and takes
minutes; `--only TASK` measures only this task.

    python -m benchmarks.registry     registration, look-ups, mixes, snapshots and growth, compared with bare drivers
    python -m benchmarks.simulator    models and runs, compared with numpy, scikit-learn and plain torch
    python -m benchmarks.recorder     the latency of `Recorder.add` (a part of the registry's table)
    python -m benchmarks.snapshots    snapshots and `firsthand check` (a part of the registry's table)

Correctness under load:

    python -m benchmarks.hammer       writers, readers and verifiers use a registry that is killed repeatedly

Single measurements, which are printed and not saved:

    python -m benchmarks.registry.batch_lookups      look-ups in each request and response format
    python -m benchmarks.registry.storage_per_item   bytes and rates per item as the registry grows
    python -m benchmarks.registry.digest_recall      edited copies that exact digests recognize
    python -m benchmarks.snapshots.check_command     `firsthand check` compared with reading and hashing the lines
    python -m benchmarks.snapshots.false_verdicts    wrong verdicts of a snapshot compared with the rate that it states
    python -m benchmarks.bare.baselines              the bare drivers compared with the limits of the machine

`harness` has the code that all benchmarks share, and `bare` has the baselines.
"""
