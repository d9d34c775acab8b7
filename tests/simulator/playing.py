"""Runs to be played in tests, and how what they measured is held against what is expected."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from firsthand.client import Client
from firsthand.core.digests import Digests, as_strings
from firsthand.core.verdicts import VERDICTS
from firsthand.schemas.mixes import Part, Recipe
from simulator.config import Run, encode
from simulator.data.corpora import Normal
from simulator.families.gaussian import Gaussian
from simulator.regimes import Crawl, Regime
from simulator.runs import checkpoints, results, rounds
from simulator.runs.checkpoints import Plan
from simulator.runs.results import Results
from simulator.worlds.base import World


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


@dataclass
class Played:
    """A run that was played, and the registry that it was played through."""

    run: Run
    results: Results
    client: Client

    @property
    def rows(self) -> list[dict[str, Any]]:
        return self.results.rows[1:]

    @cached_property
    def rounds(self) -> list[dict[str, Any]]:
        """What `events.jsonl` has of each round, from 0."""
        events = map(json.loads, (self.results.folder / "events.jsonl").read_text().splitlines())
        return [event for event in events if event["event"] == "round"]

    def count(self, round: int, told_by: int | None = None, **filters: Any) -> dict[str, int]:
        """What the registry holds a round's pool for when the round begins, or after the round `told_by`."""
        position = self.rounds[round - 1 if told_by is None else told_by]["position"]
        part = Part(**{"verdict_in": list(VERDICTS), "datasets": [f"local/{self.run.id}-pool-{round:04d}"], **filters})
        counts = self.client.create_mix(Recipe(as_of=position, parts=[part]), dry_run=True).counts
        return {verdict: getattr(counts, verdict) for verdict in VERDICTS}

    def digests(self, role: str, round: int) -> npt.NDArray[np.bytes_]:
        digests: Digests = np.load(self.results.folder / "contents" / f"{role}-{round:04d}.digests.npy")
        return as_strings(digests)

    def drawn(self, round: int) -> list[npt.NDArray[np.bytes_]]:
        """The items of each provider's mix."""
        mixes = self.rounds[round]["mixes"]
        return [as_strings(np.concatenate(list(self.client.mix_digests(mix)))) for mix in mixes]


def through(client: Client, folder: Path, world: World, regime: Regime | None = None, **settings: Any) -> Played:
    """A run of a world that was played; without another regime, one that trains on whatever there is."""
    run = small(regime or Crawl(models="keep"), world=world, corpus=Normal(100), **settings)
    return Played(run, play(folder, run, client), client)


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
