"""Runs grouped for comparison: runs that differ only in their seed are one group."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simulator import names
from simulator.metrics.definitions import describe
from simulator.metrics.intervals import ChainSummary, Interval, difference, estimate
from simulator.report.charts import RegimeCurve
from simulator.runs.results import Results

#: The order of the legend, and of the colours. Other regimes follow in the order of their first run.
KNOWN = ("replace", "preserve", "accumulate", "accumulate-subsample", "fresh", "human-only")
BASELINE = "human-only"
POINTS = 150


@dataclass(frozen=True)
class Group:
    """The runs of one regime with equal settings, one per seed."""

    regime: str
    """the name of the regime, without its settings"""
    settings: str
    """the other settings in which the groups differ"""
    label: str
    note: str
    """what the regime trains on, in one line"""
    slot: int
    """the number of its colour"""
    runs: tuple[Results, ...]

    @property
    def rounds(self) -> list[int]:
        """The rounds that every run has, in order."""
        return list(range(min(len(run.rows) for run in self.runs)))

    def summaries(self, metric: str, round_: int) -> dict[int, ChainSummary]:
        """Return the metric over chains in a round, by seed; seeds without a finite mean are left out."""
        by_seed = {run.seed: run.summary(metric, round_) for run in self.runs}
        return {seed: summary for seed, summary in by_seed.items() if summary is not None}

    def means(self, metric: str, round_: int) -> dict[int, float]:
        """Return the metric's mean over chains in a round, by seed."""
        return {seed: summary.mean for seed, summary in self.summaries(metric, round_).items()}

    def interval(self, metric: str, round_: int) -> Interval:
        """Return the metric's mean over the runs, with its 95 % interval."""
        return estimate(list(self.summaries(metric, round_).values()), describe(metric).bounds).interval

    def less(self, other: "Group", metric: str, round_: int, other_round: int | None = None) -> Interval:
        """Return the mean difference from another group, paired by seed, with its 95 % interval."""
        theirs = other.summaries(metric, round_ if other_round is None else other_round)
        return difference(self.summaries(metric, round_), theirs)

    def curve(self, metric: str) -> RegimeCurve | None:
        """Return the metric's curve and band, of about `POINTS` rounds at most; None if no round has the metric.

        If an interval has no ends, the band has no height there.
        """
        step = 1 + len(self.rounds) // POINTS
        rounds = [r for r in self.rounds if (r % step == 0 or r == self.rounds[-1]) and self.means(metric, r)]
        if not rounds:
            return None
        intervals = [self.interval(metric, r) for r in rounds]
        ends = [(i.low, i.high) if i.known else (i.mean, i.mean) for i in intervals]
        low, high = zip(*ends, strict=True)
        return RegimeCurve(self.label, self.slot, rounds, [i.mean for i in intervals], low, high)

    def counts(self, field: str, round_: int) -> dict[str, float] | None:
        """Return `mix` or `registry` of a round's row as a number of items by origin, averaged over the runs.

        Keys are `human`, each generation by its number, `contested` and `unknown`. None if a run has no counts there.
        """
        entries = [run.rows[round_][field] for run in self.runs]
        if any(entry is None for entry in entries):
            return None
        flat = [flatten_counts(entry) for entry in entries]
        keys = dict.fromkeys(key for counts in flat for key in counts)
        return {key: sum(counts.get(key, 0) for counts in flat) / len(flat) for key in keys}


def flatten_counts(counts: Mapping[str, Any]) -> dict[str, int]:
    """Return an `OriginCounts` as one mapping: human, then each generation by its number, contested, unknown."""
    generations = {str(generation): count for generation, count in counts["generations"].items()}
    return {
        "human": counts["human"],
        **generations,
        "contested": counts["contested"],
        "unknown": counts["unknown"],
    }


def group(runs: Sequence[Results]) -> list[Group]:
    """Group runs by all of their configuration but the seed, in the order of `KNOWN`, then of their first run."""
    by_settings: dict[str, list[Results]] = {}
    for run in sorted(runs, key=lambda run: run.seed):
        by_settings.setdefault(json.dumps(_settings(run), sort_keys=True), []).append(run)
    ranked = sorted(by_settings.values(), key=lambda members: _rank(regime_name(members[0])))
    heads = [members[0] for members in ranked]
    slots = _slots([regime_name(head) for head in heads])
    return [
        Group(regime_name(head), differing, _label(head, differing), _note(head), slot, tuple(members))
        for differing, head, slot, members in zip(_differing(heads), heads, slots, ranked, strict=True)
    ]


def _settings(run: Results) -> dict[str, Any]:
    return {name: value for name, value in run.config.items() if name != "seed"}


def regime_name(run: Results) -> str:
    """Return `preserve` for `preserve:0.1`, and `half-and-half` for `mine.py:HalfAndHalf:0.5`."""
    kind: str = run.config["regime"]["type"].rpartition(":")[2]
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", kind).lower()


def _note(run: Results) -> str:
    """Return the first line of the regime's docstring; nothing for a user's own regime, whose file is not imported."""
    name = run.config["regime"]["type"]
    return names.summary(names.REGIMES[name]) if name in names.REGIMES else ""


def _rank(regime: str) -> int:
    return KNOWN.index(regime) if regime in KNOWN else len(KNOWN)


def _slots(regimes: Sequence[str]) -> list[int]:
    """Return the colour of each regime: a known regime has its own; a second one of its kind, and any other, the next
    free one."""
    taken: list[int] = []
    for regime in regimes:
        own = _rank(regime)
        free = next(slot for slot in range(len(KNOWN), len(KNOWN) + len(regimes) + 1) if slot not in taken)
        taken.append(own if own < len(KNOWN) and own not in taken else free)
    return taken


def _differing(heads: Sequence[Results]) -> list[str]:
    """Return, for each run, the settings in which the runs differ besides the regime: `n 100, family.components 5`."""
    flat = [dict(flatten({k: v for k, v in _settings(head).items() if k != "regime"})) for head in heads]
    keys = dict.fromkeys(key for settings in flat for key in settings)
    differing = [key for key in keys if len({json.dumps(settings.get(key)) for settings in flat}) > 1]
    return [", ".join(f"{key} {settings.get(key)}" for key in differing) for settings in flat]


def _label(run: Results, differing: str) -> str:
    own = [(name, value) for name, value in run.config["regime"].items() if name != "type"]
    details = [f"{100 * value:g} %" if name == "share" else f"{name} {value}" for name, value in own]
    return " ".join([regime_name(run), *details]) + (f", {differing}" if differing else "")


def flatten(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the leaves of nested mappings: `("family.components", 10)` for `{"family": {"components": 10}}`."""
    for name, inner in value.items():
        if isinstance(inner, Mapping):
            yield from flatten(inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", inner
