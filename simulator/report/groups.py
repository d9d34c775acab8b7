"""Runs grouped as a reader compares them: those that differ in their seed alone are one line."""

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from simulator import names
from simulator.metrics.definitions import describe
from simulator.metrics.intervals import ChainSummary, Interval, difference, estimate
from simulator.report.charts import Line
from simulator.runs.results import Results

#: The order of the legend, and with it the colours; other regimes follow in the order they come in.
KNOWN = ("replace", "preserve", "accumulate", "accumulate-subsample", "fresh", "human-only")
BASELINE = "human-only"
POINTS = 150


@dataclass(frozen=True)
class Group:
    """The runs of one regime and equal settings, one a seed."""

    regime: str  # its name, without its settings
    settings: str  # what else tells it from the other groups
    label: str
    note: str  # what it does, in one line
    slot: int  # which of the colours
    runs: tuple[Results, ...]

    @property
    def rounds(self) -> list[int]:
        """The rounds that every run has, in order."""
        return list(range(min(len(run.rows) for run in self.runs)))

    def by_seed(self, metric: str, round_: int) -> dict[int, ChainSummary]:
        """Return the metric in a round, summarised over chains, by seed; without the seeds that have no value."""
        summaries = {run.seed: run.summary(metric, round_) for run in self.runs}
        return {seed: summary for seed, summary in summaries.items() if summary is not None}

    def interval(self, metric: str, round_: int) -> Interval:
        """Return the mean with its 95 % interval (`metrics.intervals`)."""
        return estimate(list(self.by_seed(metric, round_).values()), describe(metric).bounds).interval

    def less(self, other: "Group", metric: str, round_: int, other_round: int | None = None) -> Interval:
        """Return the mean difference self − other with its 95 % interval (`metrics.intervals`)."""
        theirs_at = round_ if other_round is None else other_round
        return difference(self.by_seed(metric, round_), other.by_seed(metric, theirs_at))

    def line(self, metric: str) -> Line | None:
        """The metric's curve and band; None where no round has it. Of long runs about `POINTS` rounds are drawn."""
        every = 1 + len(self.rounds) // POINTS
        rounds = [r for r in self.rounds if (r % every == 0 or r == self.rounds[-1]) and self.by_seed(metric, r)]
        if not rounds:
            return None
        mean, low, high = zip(*(_closed(self.interval(metric, r)) for r in rounds), strict=True)
        return Line(self.label, self.slot, rounds, mean, low, high)

    def counts(self, field: str, round_: int) -> dict[str, float] | None:
        """`mix` or `registry` of a round's row as items by what they are, averaged over the runs: `human`, `1`, …"""
        found = [run.rows[round_][field] for run in self.runs]
        if any(entry is None for entry in found):
            return None
        flat = [flatten_counts(entry) for entry in found]
        names = dict.fromkeys(name for entry in flat for name in entry)
        return {name: sum(entry.get(name, 0) for entry in flat) / len(flat) for name in names}


def flatten_counts(counts: Mapping[str, Any]) -> dict[str, int]:
    """`OriginCounts` → human, then each generation by its number, contested, unknown."""
    generations = {str(generation): count for generation, count in counts["generations"].items()}
    return {
        "human": counts["human"], **generations, "contested": counts["contested"], "unknown": counts["unknown"]
    }  # fmt: skip


def _closed(found: Interval) -> Interval:
    """An interval without ends is drawn as a line without a band."""
    return found if math.isfinite(found.low) else Interval(found.mean, found.mean, found.mean)


def group(runs: Sequence[Results]) -> list[Group]:
    """Group runs by everything but their seed, in the order of `KNOWN`, then of arrival."""
    found: dict[str, list[Results]] = {}
    for run in sorted(runs, key=lambda run: run.seed):
        found.setdefault(json.dumps(_settings(run), sort_keys=True), []).append(run)
    ranked = sorted(found.values(), key=lambda members: _rank(regime_name(members[0])))
    heads = [members[0] for members in ranked]
    slots = _slots([regime_name(head) for head in heads])
    return [
        Group(regime_name(head), differing, _label(head, differing), _note(head), slot, tuple(members))
        for differing, head, slot, members in zip(_differing(heads), heads, slots, ranked, strict=True)
    ]


def _settings(run: Results) -> dict[str, Any]:
    return {name: value for name, value in run.config.items() if name != "seed"}


def regime_name(run: Results) -> str:
    """`preserve:0.1` → `preserve`; `mine.py:HalfAndHalf:0.5` → `half-and-half`."""
    kind: str = run.config["regime"]["type"].rpartition(":")[2]
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", kind).lower()


def _note(run: Results) -> str:
    """Return the first line of the regime's docstring; empty for a regime from a user's file, which is not imported."""
    name = run.config["regime"]["type"]
    kind = names.resolve(name) if name in names.REGIMES else None
    return (kind.__doc__ or "").strip().partition("\n")[0] if kind else ""


def _rank(regime: str) -> int:
    return KNOWN.index(regime) if regime in KNOWN else len(KNOWN)


def _slots(regimes: Sequence[str]) -> list[int]:
    """A known regime has its own colour on every page; a second of its kind, and any other, takes a free one."""
    taken: list[int] = []
    for regime in regimes:
        own = _rank(regime)
        free = next(slot for slot in range(len(KNOWN), len(KNOWN) + len(regimes) + 1) if slot not in taken)
        taken.append(own if own < len(KNOWN) and own not in taken else free)
    return taken


def _differing(heads: Sequence[Results]) -> list[str]:
    """Of each, the settings in which some differ, the regime apart: `n 100, family.components 5`."""
    flat = [dict(flatten({k: v for k, v in _settings(head).items() if k != "regime"})) for head in heads]
    names = dict.fromkeys(name for values in flat for name in values)
    differing = [name for name in names if len({json.dumps(values.get(name)) for values in flat}) > 1]
    return [", ".join(f"{name} {values.get(name)}" for name in differing) for values in flat]


def _label(run: Results, differing: str) -> str:
    own = [(name, value) for name, value in run.config["regime"].items() if name != "type"]
    details = [f"{100 * value:g} %" if name == "share" else f"{name} {value}" for name, value in own]
    return " ".join([regime_name(run), *details]) + (f", {differing}" if differing else "")


def flatten(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """`{"family": {"components": 10}}` → `("family.components", 10)`."""
    for name, inner in value.items():
        if isinstance(inner, Mapping):
            yield from flatten(inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", inner
