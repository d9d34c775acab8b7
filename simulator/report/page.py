"""The parts of the report page: all texts, numbers and charts that the template shows. A group is a group of runs."""

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

#: The number of rows and of columns of pictures that the gallery shows for a round.
SQUARE = 4
#: The approximate largest number of bars in a chart, and of shades for the generations in a bar.
MOST_BARS = 30
SHADES = 12


@dataclass(frozen=True)
class MetricChart:
    """The chart of a metric as SVG, in two versions: one for wide pages and one for narrow pages."""

    metric: Metric
    wide: str
    narrow: str


@dataclass(frozen=True)
class RegimeRow:
    """One row of a table in the report: the values of one group of runs.

    `difference` is the difference from the baseline.
    """

    group: Group
    cells: list[str]
    difference: str


@dataclass(frozen=True)
class MetricTable:
    """The table of a metric: one row per group of runs, one column per round."""

    metric: Metric
    rounds: list[int]
    rows: list[RegimeRow]
    human: str
    """value of the metric for human data; empty if it is not known"""
    compared: str
    """name of the baseline with which groups are compared; empty if there are no differences"""


@dataclass(frozen=True)
class RegimeCard:
    """The summary of a group of runs: the mean of the main metric in the last round, and its interval."""

    group: Group
    mean: str
    ends: str


@dataclass(frozen=True)
class Gallery:
    """Pictures of generated items: one row per group of runs, one column per round, as `data:` addresses."""

    rounds: list[int]
    rows: list[tuple[Group, list[str]]]
    shown: int
    """largest number of items in a picture"""


@dataclass(frozen=True)
class Knowledge:
    """The origins of items for a group of runs, by round: in the training mixes, and in the registry."""

    group: Group
    mix: str
    """chart of the origins in the training mixes, as SVG"""
    truth: str
    """sentence on the share of the last training mix that is truly human; empty if this was not measured"""
    held: str
    """chart of the origins of the items in the registry, as SVG"""
    rows: list[list[str]]
    """the numbers of items in the registry, as rows of a table"""


def metrics(groups: Sequence[Group]) -> list[Metric]:
    """Return all metrics that at least one run has, in the order in which the page shows them."""
    return order({name for group in groups for run in group.runs for name in run.metrics})


def chosen(last: int, most: int = 6, first: int = 0) -> list[int]:
    """Return the numbers of the rounds that a table or a gallery shows: at most `most` rounds from `first` to `last`.

    The candidates are the rounds 0, 1, 2, 5, 10, 20, 50, … from `first` on, and the round `last`. If there are more
    than `most` candidates, `most` of them are chosen, at equal distances in the list of candidates. The first candidate
    and `last` are always chosen. `most` must be 2 or more.
    """
    marks = [0, *(factor * 10**power for power in range(7) for factor in (1, 2, 5))]
    rounds = [mark for mark in marks if first <= mark < last] + [last]
    indices = np.unique(np.linspace(0, len(rounds) - 1, min(most, len(rounds))).round().astype(int))
    return [rounds[index] for index in indices]


def level(groups: Sequence[Group], metric: str) -> float | None:
    """Return the value of a metric for human data; None if it is not known.

    It is the mean in round 0, which has only human data. If round 0 does not have the metric, it is the mean in round
    1, but only if all models of round 1 trained on human data alone.
    """
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
    """Return the chart of a metric; None if no group of runs has this metric."""
    lines = [line for group in groups if (line := group.curve(metric.name)) is not None]
    if not lines:
        return None
    return MetricChart(metric, _draw(groups, metric, lines, 960, 380), _draw(groups, metric, lines, 360, 250))


def _draw(groups: Sequence[Group], metric: Metric, lines: Sequence[RegimeCurve], width: float, height: float) -> str:
    human = level(groups, metric.name) if metric.better != "neither" else None
    title = f"{metric.title} by round, one curve per regime"
    return curves(lines, title=title, width=width, height=height, level=human)


def table(story: Story) -> MetricTable:
    """Return the table of the metric of a story: means with 95 % intervals, and differences from the baseline.

    The differences are from the last round. All numbers have the same number of decimals.
    """
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
    """Return one summary for each group of runs."""
    texts = [(group, written(group.interval(story.metric.name, story.round))) for group in story.groups]
    parts = [(group, text.partition(" (")) for group, text in texts]
    return [RegimeCard(group, mean, ends.rstrip(")")) for group, (mean, _, ends) in parts]


def gallery(groups: Sequence[Group], last: int, square: int = SQUARE) -> Gallery | None:
    """Return pictures of items of the first run of each group, for some rounds up to `last`.

    A picture shows the first `square²` items of a round. Return None if the items are not pictures.
    """
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
    """Return charts and a table of the origins of items for a group of runs, up to the round `last`.

    They show the training mixes, and the contents of the registry.
    """
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
    """Return `in round 10, 10 % are truly human, and 10 % are human according to the registry`."""
    true, held = group.interval("true_human_share", last).mean, group.counts("mix", last)
    if math.isnan(true) or held is None:
        return ""
    share = held["human"] / sum(held.values())
    return (
        f"in round {last}, {_percent(true)} are truly human, and {_percent(share)} are human according to the registry"
    )


def _percent(share: float) -> str:
    return f"{round(100 * share, 1):g} %"


def _stacks(by_round: dict[int, dict[str, float]], last: int, title: str) -> str:
    return stacks([StackedBar(r, _segments(counts, last)) for r, counts in by_round.items()], title=title)


def _segments(counts: dict[str, float], last: int) -> list[BarSegment]:
    """Return the segments of a bar: human items, generations in at most `SHADES` steps, contested and unknown items."""
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
    """Return a row of the table: round, generation of its output, then the numbers of human, model, contested and
    unknown items."""
    generations = sorted(int(name) for name, count in counts.items() if name.isdigit() and count)
    made = compact(sum(counts[str(generation)] for generation in generations))
    span = f" ({_span(generations)})" if generations else ""
    row = group.runs[0].rows[round_]
    bound = "≥ " if row["lower_bound"] else ""
    others = [compact(counts[name]) for name in ("contested", "unknown")]
    return [str(round_), f"{bound}{row['generation']}", compact(counts["human"]), made + span, *others]


def settings(groups: Sequence[Group]) -> list[tuple[str, str]]:
    """Return the names and values of the settings that are equal in all runs, and the seeds."""
    configs = [dict(flatten(run.config)) for group in groups for run in group.runs]
    common = [(n, str(v)) for n, v in configs[0].items() if all(config.get(n) == v for config in configs)]
    seeds = sorted({run.seed for group in groups for run in group.runs})
    shown = ", ".join(map(str, seeds)) if len(seeds) <= 12 else f"{len(seeds)} from {seeds[0]} to {seeds[-1]}"
    return [*((name, value) for name, value in common if name != "seed"), ("seeds", shown)]


def units(groups: Sequence[Group]) -> str:
    """Return the units over which intervals are computed, as text: `5 seeds`, or `one seed × 100 chains`."""
    counts = sorted({len(group.runs) for group in groups})
    most = "one seed" if counts[-1] == 1 else f"{counts[-1]} seeds"
    seeds = most if len(counts) == 1 else f"{counts[0]} to {most}"
    chains = groups[0].runs[0].config["chains"]
    return f"{seeds} × {chains} chains" if by_chains(counts[-1], chains) else seeds


def origins(groups: Sequence[Group]) -> list[tuple[str, str]]:
    """Return the information that identifies the program and the data of the runs, as names and values.

    These are the commit, versions, device and digests. If runs differ, all values are shown.
    """
    headers = [run.header for group in groups for run in group.runs]
    by_run = [
        {
            "commit": header["commit"] or "unknown (the code was not in a clone)",
            "device": header["device"],
            "human data": header["data"],
            **header["versions"],
            **header.get("sources", {}),
        }
        for header in headers
    ]
    names = dict.fromkeys(name for origin in by_run for name in origin)
    return [(name, " · ".join(sorted({str(o[name]) for o in by_run if name in o}))) for name in names]
