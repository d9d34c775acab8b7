"""Folders of runs with invented numbers, for the tests of the report."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from firsthand.schemas.models import OriginCounts
from simulator.runs.results import FORMAT, append, row

NLL = "held_out_nll"

#: What each regime does to the likelihood of human data in round t, and its share of human data.
COURSES: dict[str, tuple[Callable[[int], float], float]] = {
    "Replace": (lambda t: 48 + 2.4 * (t - 1), 0.0),
    "Preserve": (lambda t: 48 + 0.6 * (t - 1), 0.1),
    "Accumulate": (lambda t: 48.0, 0.1),
    "HumanOnly": (lambda t: 48.0, 1.0),
}


#: The short name of each regime.
NAMES = {"Replace": "replace", "Preserve": "preserve", "Accumulate": "accumulate", "HumanOnly": "human-only"}


def header(regime: str, seed: int, **settings: Any) -> dict[str, Any]:
    """The first line of such a run's results."""
    config = {
        "family": {"type": "gmm", "components": 10},
        "corpus": {"type": "digits", "components": 16},
        "regime": {"type": NAMES[regime], **({"share": 0.1} if regime == "Preserve" else {})},
        "n": 1000,
        "generations": 10,
        "chains": 1,
        "seed": seed,
    }
    return {
        "format": FORMAT,
        "config": config | settings,
        "names": {"family": "gmm", "data": "digits", "regime": regime.lower()},
        "commit": "ffe57c1f0a",
        "versions": {"firsthand": "0.1.0", "python": "3.11.2"},
        "device": "a processor, one thread",
        "data": "sha256:" + "ab" * 32,
        "sources": {},
    }


def counts(human: int, generations: dict[str, int], unknown: int = 0) -> OriginCounts:
    return OriginCounts(human=human, model=sum(generations.values()), unknown=unknown, generations=generations)


def write_invented_run(
    folder: Path, regime: str, seed: int, rounds: int = 10, noise: float = 0.3, **settings: Any
) -> Path:
    """A run's folder as the loop leaves it, with numbers that follow `COURSES`."""
    (folder / "samples").mkdir(parents=True)
    rng, (course, share) = np.random.default_rng([seed, 7]), COURSES[regime]
    end = append(folder / "results.jsonl", header(regime, seed, **settings), 0)
    for t in range(rounds + 1):
        made = {str(generation): 1000 for generation in range(1, t + 1)}
        human = 1000 if t == 1 else round(1000 * share)
        mix = counts(human, {str(t - 1): 1000 - human} if t > 1 else {}) if t else None
        measured = {NLL: rng.normal(course(t), noise, 1)} if t else {}
        recall = {"recall": rng.normal(0.9 - 0.03 * t * (1 - share), 0.01, 1)}
        end = append(folder / "results.jsonl", row(t, t, False, mix, counts(1000, made), [measured | recall]), end)
        np.save(folder / "samples" / f"round-{t:03d}.npy", rng.integers(0, 256, (60, 8, 8), dtype=np.uint8))
    return folder
