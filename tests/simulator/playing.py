"""Runs to be played in tests, and how what they measured is held against what is expected."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scipy import stats

from firsthand.client import Client
from simulator import checkpoints, results, rounds
from simulator.checkpoints import Plan
from simulator.config import Run, encode
from simulator.corpora import Normal
from simulator.models.gaussian import Gaussian
from simulator.recipes import Regime
from simulator.results import Results


def play(folder: Path, run: Run, client: Client) -> Results:
    """Play a run in a folder, from the start or from where it stands."""
    if not (folder / "run.json").exists():
        checkpoints.save_plan(folder, Plan(encode(run), "unused", str(Path.cwd())))
    rounds.play(folder, client)
    return results.read(folder)


def small(regime: Regime, **settings: Any) -> Run:
    """Three generations of Gaussians on 20 items, but for what the settings say."""
    settings = {"family": Gaussian(), "corpus": Normal(20), "n": 20, "generations": 3, "human": 20, **settings}
    return Run(regime=regime, **settings)


def assert_jointly(rows: Sequence[tuple[str, float, dict[str, Any]]], share: float, level: float = 0.99) -> None:
    """Each mean over chains agrees with what is expected, jointly (Bonferroni), and its error is under that share."""
    limit = float(stats.norm.ppf(1 - (1 - level) / 2 / len(rows)))
    print(f"\n{'':24}{'expected':>10}{'measured':>10}{'std. err.':>10}{'z':>7}   (all |z| under {limit:.2f})")
    errors = [measured["sd"] / measured["n"] ** 0.5 for _, _, measured in rows]
    scores = [(row[2]["mean"] - row[1]) / error for row, error in zip(rows, errors, strict=True)]
    for (name, reference, measured), error, score in zip(rows, errors, scores, strict=True):
        print(f"{name:24}{reference:10.5f}{measured['mean']:10.5f}{error:10.5f}{score:7.2f}")
    assert max(error / row[1] for row, error in zip(rows, errors, strict=True)) < share
    assert max(map(abs, scores)) < limit
