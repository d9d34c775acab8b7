"""Groups of runs, which the report compares. Runs that differ only in their seed are one group."""

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
    """The runs of one regime that have equal settings. They differ only in their seed."""

    regime: str
    """name of the regime, without its settings"""
    settings: str
    """the settings in which this group differs from other groups, without the regime: `n 100, family.components 5`"""
    label: str
    """name of the group in charts and tables: regime and settings"""
    note: str
    """what the models of the group train on: the first line of the docstring of the regime; empty for a regime from
    a user's own file"""
    slot: int
    """number of the colour of the group in charts"""
    runs: tuple[Results, ...]

    @property
    def rounds(self) -> list[int]:
        """The numbers of the rounds that all runs of the group have reached, beginning with 0."""
        return list(range(min(len(run.rows) for run in self.runs)))

    def summaries(self, metric: str, round_: int) -> dict[int, ChainSummary]:
        """Return the mean and standard deviation of a metric in one round for each run, over its chains, by seed.

        Seeds whose mean is not a number are omitted.
        """
        by_seed = {run.seed: run.summary(metric, round_) for run in self.runs}
        return {seed: summary for seed, summary in by_seed.items() if summary is not None}

    def means(self, metric: str, round_: int) -> dict[int, float]:
        """Return the mean of a metric in one round for each run, as `{seed: mean over the chains of the run}`.

        Seeds whose mean is not a number are omitted.
        """
        return {seed: summary.mean for seed, summary in self.summaries(metric, round_).items()}

    def interval(self, metric: str, round_: int) -> Interval:
        """Return the mean of a metric over the runs of the group in a round, with its 95 % interval."""
        return estimate(list(self.summaries(metric, round_).values()), describe(metric).bounds).interval

    def less(self, other: "Group", metric: str, round_: int, other_round: int | None = None) -> Interval:
        """Return the mean difference of a metric, this group minus `other`, paired by seed, with its 95 % interval.

        Both values are from round `round_`. If `other_round` is given, the value of `other` is from this round.
        """
        theirs = other.summaries(metric, round_ if other_round is None else other_round)
        return difference(self.summaries(metric, round_), theirs)

    def curve(self, metric: str) -> RegimeCurve | None:
        """Return the curve of a metric over the rounds, with the band of its intervals.

        It has at most about `POINTS` rounds. If the ends of an interval are not known, the height of the band is 0
        there. Return None if no round has the metric.
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
        """Return the numbers of items in a round, by origin, as the mean over the runs of the group.

        `field` is `mix` (the items of the training mix) or `registry` (all items in the registry). The keys of the
        result are `human`, the number of each generation, `contested` and `unknown`. Return None if a run has no such
        numbers.
        """
        entries = [run.rows[round_][field] for run in self.runs]
        if any(entry is None for entry in entries):
            return None
        flat = [flatten_counts(entry) for entry in entries]
        keys = dict.fromkeys(key for counts in flat for key in counts)
        return {key: sum(counts.get(key, 0) for counts in flat) / len(flat) for key in keys}


def flatten_counts(counts: Mapping[str, Any]) -> dict[str, int]:
    """Return the numbers of items in an `OriginCounts` as one flat mapping.

    The keys are `human`, the number of each generation, `contested` and `unknown`.
    """
    generations = {str(generation): count for generation, count in counts["generations"].items()}
    return {
        "human": counts["human"],
        **generations,
        "contested": counts["contested"],
        "unknown": counts["unknown"],
    }


def group(runs: Sequence[Results]) -> list[Group]:
    """Divide runs into groups. The runs of a group have equal configurations, except for the seed.

    The groups are in the order of `KNOWN`. Groups of other regimes follow in the order of their first run.
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
    """Return the name of a run's regime without its settings: `preserve` for `preserve:0.1`.

    For a regime from a user's own file, such as `mine.py:HalfAndHalf:0.5`, it is `half-and-half`.
    """
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
    """Yield the values in nested mappings, with their dotted names.

    For `{"family": {"components": 10}}`, this is `("family.components", 10)`.
    """
    for name, inner in value.items():
        if isinstance(inner, Mapping):
            yield from flatten(inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", inner
