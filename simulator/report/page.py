"""The parts of the page: everything that the template shows, as text and drawings."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simulator.metrics.definitions import Metric, order
from simulator.metrics.intervals import Interval, by_chains
from simulator.report import pictures
from simulator.report.charts import BarSegment, RegimeCurve, StackedBar, curves, stacks
from simulator.report.groups import Group, flatten
from simulator.report.numbers import compact, decimals
from simulator.report.story import Story, written

#: The gallery shows a square of this many rows and columns: the first pictures that were saved in a round.
SQUARE = 4
MOST_BARS = 30
SHADES = 12


@dataclass(frozen=True)
class MetricChart:
    """A metric's curves, for a wide page and for a narrow one."""

    metric: Metric
    wide: str
    narrow: str


@dataclass(frozen=True)
class RegimeRow:
    """One group's row of a table."""

    group: Group
    cells: list[str]
    difference: str


@dataclass(frozen=True)
class MetricTable:
    """A metric by regime and round."""

    metric: Metric
    rounds: list[int]
    rows: list[RegimeRow]
    human: str
    """the value of human data; empty if it has none"""
    compared: str
    """what differences are from; empty if there are none"""


@dataclass(frozen=True)
class RegimeCard:
    """A regime in short: the metric of the headline, in the last round."""

    group: Group
    mean: str
    ends: str


@dataclass(frozen=True)
class Gallery:
    """Pictures by regime (rows) and round (columns), as `data:` addresses."""

    rounds: list[int]
    rows: list[tuple[Group, list[str]]]
    shown: int


@dataclass(frozen=True)
class Knowledge:
    """The training mixes of a regime, and the contents of the registry, by round."""

    group: Group
    mix: str
    truth: str
    """the share of the last mix that is human in truth; empty if it was not measured"""
    held: str
    rows: list[list[str]]


def metrics(groups: Sequence[Group]) -> list[Metric]:
    """Return every metric that at least one run has, in the order of the page."""
    return order({name for group in groups for run in group.runs for name in run.metrics})


def chosen(last: int, most: int = 6, first: int = 0) -> list[int]:
    """Return the rounds that tables and pictures show: at most `most` of 0, 1, 2, 5, 10, 20, 50, …, and the last."""
    marks = [0, *(factor * 10**power for power in range(7) for factor in (1, 2, 5))]
    rounds = [mark for mark in marks if first <= mark < last] + [last]
    indices = np.unique(np.linspace(0, len(rounds) - 1, min(most, len(rounds))).round().astype(int))
    return [rounds[index] for index in indices]


def level(groups: Sequence[Group], metric: str) -> float | None:
    """Return the value of human data: that of round 0, or else of the first models, if all saw human data alone."""
    for round_ in (0, 1):
        if round_ == 0 or all(_trained_on_humans_alone(group) for group in groups):
            values = [v for group in groups if round_ in group.rounds for v in group.means(metric, round_).values()]
            if values:
                return sum(values) / len(values)
    return None


def _trained_on_humans_alone(group: Group) -> bool:
    counts = (group.counts("mix", 1) if 1 in group.rounds else None) or {}
    return all(count == 0 for name, count in counts.items() if name != "human")


def chart(groups: Sequence[Group], metric: Metric) -> MetricChart | None:
    """Return the metric's curves; None if there is nothing to draw."""
    lines = [line for group in groups if (line := group.curve(metric.name)) is not None]
    if not lines:
        return None
    return MetricChart(metric, _draw(groups, metric, lines, 960, 380), _draw(groups, metric, lines, 360, 250))


def _draw(groups: Sequence[Group], metric: Metric, lines: Sequence[RegimeCurve], width: float, height: float) -> str:
    human = level(groups, metric.name) if metric.better != "neither" else None
    title = f"{metric.title} by round, one curve per regime"
    return curves(lines, title=title, width=width, height=height, level=human)


def table(story: Story) -> MetricTable:
    """Return mean and 95 % interval in chosen rounds, and the difference from human data alone in the last."""
    name = story.metric.name
    rounds = chosen(story.round, most=5, first=1)
    intervals = [[group.interval(name, r) for r in rounds] for group in story.groups]
    widths = [i.high - i.low for row in intervals for i in row if i.high > i.low]
    digits = decimals(0, float(np.median(widths))) if widths else 2
    rows = [
        RegimeRow(group, [_cell(interval, digits) for interval in row], _difference(story, group, digits))
        for group, row in zip(story.groups, intervals, strict=True)
    ]
    human = level(story.groups, name)
    compared = story.compared if any(row.difference for row in rows) else ""
    return MetricTable(story.metric, rounds, rows, "" if human is None else compact(human), compared)


def _cell(interval: Interval, digits: int) -> str:
    return "" if math.isnan(interval.mean) else written(interval, digits=digits)


def _difference(story: Story, group: Group, digits: int) -> str:
    difference = story.difference(group)
    return "" if difference is None else written(difference.interval, digits=digits, sign=True)


def cards(story: Story) -> list[RegimeCard]:
    """Return one card per group."""
    texts = [(group, written(group.interval(story.metric.name, story.round))) for group in story.groups]
    parts = [(group, text.partition(" (")) for group, text in texts]
    return [RegimeCard(group, mean, ends.rstrip(")")) for group, (mean, _, ends) in parts]


def gallery(groups: Sequence[Group], last: int, square: int = SQUARE) -> Gallery | None:
    """Return the first `square²` pictures of chosen rounds of each group's first run; None if there are no pictures."""
    rounds = [r for r in chosen(last, most=5) if all(_picture(group, r).is_file() for group in groups)]
    if not rounds:
        return None
    rows = []
    for group in groups:
        images = [np.load(_picture(group, r), allow_pickle=False) for r in rounds]
        sheets = [pictures.sheet(image, square, square) for image in images]
        rows.append((group, [pictures.data_address(pictures.png(sheet)) for sheet in sheets]))
    return Gallery(rounds, rows, square**2)


def _picture(group: Group, round_: int) -> Path:
    return group.runs[0].folder / "samples" / f"round-{round_:03d}.npy"


def knowledge(group: Group, last: int) -> Knowledge:
    """Return charts of the training mixes and of the contents of the registry, and the latter as a table."""
    rounds = [r for r in group.rounds if r <= last]
    rounds = rounds[:: 1 + len(rounds) // MOST_BARS]
    held = {r: counts for r in rounds if (counts := group.counts("registry", r)) is not None}
    mixes = {r: counts for r in rounds if (counts := group.counts("mix", r)) is not None}
    return Knowledge(
        group,
        mix=_stacks(mixes, last, f"{group.label}: training mix of each round"),
        truth=_truth(group, last),
        held=_stacks(held, last, f"{group.label}: items in the registry after each round"),
        rows=[_known(group, r, held[r]) for r in held if r in chosen(last, most=12)],
    )


def _truth(group: Group, last: int) -> str:
    """Return `10 % human in truth in round 10, 10 % according to the registry`."""
    true, held = group.interval("true_human_share", last).mean, group.counts("mix", last)
    if math.isnan(true) or held is None:
        return ""
    share = held["human"] / sum(held.values())
    return f"{_percent(true)} human in truth in round {last}, {_percent(share)} according to the registry"


def _percent(share: float) -> str:
    return f"{round(100 * share, 1):g} %"


def _stacks(by_round: dict[int, dict[str, float]], last: int, title: str) -> str:
    return stacks([StackedBar(r, _segments(counts, last)) for r, counts in by_round.items()], title=title)


def _segments(counts: dict[str, float], last: int) -> list[BarSegment]:
    """Return human items, then generations in at most `SHADES` steps, then contested and unknown items."""
    shades = min(last, SHADES)
    steps: dict[int, list[int]] = {}
    for generation in sorted(int(name) for name in counts if name.isdigit()):
        steps.setdefault(min(generation - 1, last - 1) * shades // last, []).append(generation)
    models = [
        BarSegment("made", _span(generations), sum(counts[str(g)] for g in generations), (shade + 1) / shades)
        for shade, generations in steps.items()
    ]
    human = [BarSegment("human", "human", counts["human"])]
    return human + models + [BarSegment(name, name, counts[name]) for name in ("contested", "unknown")]


def _span(generations: Sequence[int]) -> str:
    if len(generations) == 1:
        return f"generation {generations[0]}"
    return f"generations {generations[0]} to {generations[-1]}"


def _known(group: Group, round_: int, counts: dict[str, float]) -> list[str]:
    """Return round, generation of its output, then the number of human, model, contested and unknown items."""
    generations = sorted(int(name) for name, count in counts.items() if name.isdigit() and count)
    made = compact(sum(counts[str(generation)] for generation in generations))
    span = f" ({_span(generations)})" if generations else ""
    row = group.runs[0].rows[round_]
    bound = "≥ " if row["lower_bound"] else ""
    others = [compact(counts[name]) for name in ("contested", "unknown")]
    return [str(round_), f"{bound}{row['generation']}", compact(counts["human"]), made + span, *others]


def settings(groups: Sequence[Group]) -> list[tuple[str, str]]:
    """Return the settings that all runs have in common, and the seeds."""
    configs = [dict(flatten(run.config)) for group in groups for run in group.runs]
    common = [(n, str(v)) for n, v in configs[0].items() if all(config.get(n) == v for config in configs)]
    seeds = sorted({run.seed for group in groups for run in group.runs})
    shown = ", ".join(map(str, seeds)) if len(seeds) <= 12 else f"{len(seeds)} from {seeds[0]} to {seeds[-1]}"
    return [*((name, value) for name, value in common if name != "seed"), ("seeds", shown)]


def units(groups: Sequence[Group]) -> str:
    """Return the units that intervals are over: `5 seeds`, `one seed × 100 chains`."""
    counts = sorted({len(group.runs) for group in groups})
    most = "one seed" if counts[-1] == 1 else f"{counts[-1]} seeds"
    seeds = most if len(counts) == 1 else f"{counts[0]} to {most}"
    chains = groups[0].runs[0].config["chains"]
    return f"{seeds} × {chains} chains" if by_chains(counts[-1], chains) else seeds


def origins(groups: Sequence[Group]) -> list[tuple[str, str]]:
    """Return commit, versions, device and digests; if runs differ, all values that occur."""
    headers = [run.header for group in groups for run in group.runs]
    by_run = [
        {
            "commit": header["commit"] or "not a clone",
            "device": header["device"],
            "human data": header["data"],
            **header["versions"],
            **header.get("sources", {}),
        }
        for header in headers
    ]
    names = dict.fromkeys(name for origin in by_run for name in origin)
    return [(name, " · ".join(sorted({str(o[name]) for o in by_run if name in o}))) for name in names]
