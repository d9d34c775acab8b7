"""Groups of runs for comparison. Runs that differ only in their seed are one group."""

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

#: The regimes in the order of the legend and of the colours. Other regimes follow in the order of their first run.
KNOWN = ("replace", "preserve", "accumulate", "accumulate-subsample", "fresh", "human-only")
BASELINE = "human-only"
#: The approximate largest number of rounds that a curve shows.
POINTS = 150


@dataclass(frozen=True)
class Group:
    """The runs of one regime with equal settings, one per seed."""

    regime: str
    """name of the regime, without its settings"""
    settings: str
    """the group's values of those other settings in which the groups differ: `n 100, family.components 5`"""
    label: str
    """name of the group in charts and tables"""
    note: str
    """description of the regime's training mix in one line; empty for a regime from a user's own file"""
    slot: int
    """number of the group's colour"""
    runs: tuple[Results, ...]

    @property
    def rounds(self) -> list[int]:
        """The rounds that all runs of the group have, in order."""
        return list(range(min(len(run.rows) for run in self.runs)))

    def summaries(self, metric: str, round_: int) -> dict[int, ChainSummary]:
        """Return the summary of the metric over chains in a round, by seed. Seeds without a finite mean are omitted."""
        by_seed = {run.seed: run.summary(metric, round_) for run in self.runs}
        return {seed: summary for seed, summary in by_seed.items() if summary is not None}

    def means(self, metric: str, round_: int) -> dict[int, float]:
        """Return the mean of the metric over chains in a round, by seed."""
        return {seed: summary.mean for seed, summary in self.summaries(metric, round_).items()}

    def interval(self, metric: str, round_: int) -> Interval:
        """Return the mean of the metric over the runs of the group in a round, with its 95 % interval."""
        return estimate(list(self.summaries(metric, round_).values()), describe(metric).bounds).interval

    def less(self, other: "Group", metric: str, round_: int, other_round: int | None = None) -> Interval:
        """Return the mean difference of this group minus another group, paired by seed, with its 95 % interval.

        Both values are from `round_`, unless `other_round` is given for the other group.
        """
        theirs = other.summaries(metric, round_ if other_round is None else other_round)
        return difference(self.summaries(metric, round_), theirs)

    def curve(self, metric: str) -> RegimeCurve | None:
        """Return the curve and the band of the metric, for at most about `POINTS` rounds.

        If an interval has no ends, the height of the band is 0 there. Return None if no round has the metric.
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
        """Return the number of items by origin in `field` (`mix` or `registry`) of a round's row: mean over the runs.

        The keys are `human`, the number of each generation, `contested` and `unknown`. Return None if a run has no
        counts in this field.
        """
        entries = [run.rows[round_][field] for run in self.runs]
        if any(entry is None for entry in entries):
            return None
        flat = [flatten_counts(entry) for entry in entries]
        keys = dict.fromkeys(key for counts in flat for key in counts)
        return {key: sum(counts.get(key, 0) for counts in flat) / len(flat) for key in keys}


def flatten_counts(counts: Mapping[str, Any]) -> dict[str, int]:
    """Return an `OriginCounts` as one mapping: human, each generation by its number, contested, unknown."""
    generations = {str(generation): count for generation, count in counts["generations"].items()}
    return {
        "human": counts["human"],
        **generations,
        "contested": counts["contested"],
        "unknown": counts["unknown"],
    }


def group(runs: Sequence[Results]) -> list[Group]:
    """Return the groups of runs whose configurations are equal except for the seed.

    The order is that of `KNOWN`. Groups of other regimes follow in the order of their first run.
    """
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
    """Return the first line of the docstring of a run's regime.

    Return an empty text for a user's own regime, because its file is not imported.
    """
    name = run.config["regime"]["type"]
    return names.summary(names.REGIMES[name]) if name in names.REGIMES else ""


def _rank(regime: str) -> int:
    return KNOWN.index(regime) if regime in KNOWN else len(KNOWN)


def _slots(regimes: Sequence[str]) -> list[int]:
    """Return the number of the colour of each regime.

    The first group of a regime of `KNOWN` gets the colour of this regime. All other groups get the next free colour.
    """
    taken: list[int] = []
    for regime in regimes:
        own = _rank(regime)
        free = next(slot for slot in range(len(KNOWN), len(KNOWN) + len(regimes) + 1) if slot not in taken)
        taken.append(own if own < len(KNOWN) and own not in taken else free)
    return taken


def _differing(heads: Sequence[Results]) -> list[str]:
    """Return, for each run, its values of those settings in which the runs differ, except for the regime.

    Example: `n 100, family.components 5`.
    """
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
