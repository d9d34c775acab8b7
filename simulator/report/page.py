"""The parts of the page: everything that the template shows, as text and drawings."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from simulator.metrics.definitions import Metric, order
from simulator.metrics.intervals import Interval, by_chains
from simulator.report import pictures
from simulator.report.charts import Bar, Layer, Line, curves, stacks
from simulator.report.groups import Group, flatten
from simulator.report.numbers import compact, decimals
from simulator.report.story import Story, written

#: Of a round's pictures the first ones stand on the page, in the order in which they were saved: this many rows of as
#: many.
SQUARE = 4
MOST_BARS = 30
SHADES = 12


@dataclass(frozen=True)
class Chart:
    """A metric's curves, for a wide page and for a narrow one."""

    metric: Metric
    wide: str
    narrow: str


@dataclass(frozen=True)
class Row:
    """A group's line of a table."""

    group: Group
    cells: list[str]
    difference: str


@dataclass(frozen=True)
class Table:
    """A metric by regime and round; `human` is what the human data themselves score."""

    metric: Metric
    rounds: list[int]
    rows: list[Row]
    human: str
    compared: str  # what differences are from; empty where there are none


@dataclass(frozen=True)
class Card:
    """A regime in a nutshell: the metric that the headline speaks of, in the last round."""

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
    """What the registry gave a regime to train on and what it held, by round."""

    group: Group
    mix: str
    truth: str  # how much of the last mix was truly human; empty where nobody measured it
    held: str
    rows: list[list[str]]


def metrics(groups: Sequence[Group]) -> list[Metric]:
    """Every metric that some run has, in the order of the page."""
    return order({name for group in groups for run in group.runs for name in run.metrics})


def chosen(last: int, most: int = 6, first: int = 0) -> list[int]:
    """The rounds that tables and pictures show: 0, 1, 2, 5, 10, 20, 50, … and the last; at most `most` of them."""
    marks = [0, *(factor * 10**power for power in range(7) for factor in (1, 2, 5))]
    rounds = [mark for mark in marks if first <= mark < last] + [last]
    places = np.unique(np.linspace(0, len(rounds) - 1, min(most, len(rounds))).round().astype(int))
    return [rounds[place] for place in places]


def level(groups: Sequence[Group], metric: str) -> float | None:
    """What human data score: round 0; where it has no score, the first models, if all of them saw human data alone."""
    for round_ in (0, 1):
        if round_ == 0 or all(_human_alone(group) for group in groups):
            means = [
                s.mean for group in groups if round_ in group.rounds for s in group.by_seed(metric, round_).values()
            ]
            if means:
                return sum(means) / len(means)
    return None


def _human_alone(group: Group) -> bool:
    counts = (group.counts("mix", 1) if 1 in group.rounds else None) or {}
    return all(count == 0 for name, count in counts.items() if name != "human")


def chart(groups: Sequence[Group], metric: Metric) -> Chart | None:
    """The metric's curves; None where nothing can be drawn."""
    lines = [line for group in groups if (line := group.line(metric.name)) is not None]
    if not lines:
        return None
    return Chart(metric, _draw(groups, metric, lines, 960, 380), _draw(groups, metric, lines, 360, 250))


def _draw(groups: Sequence[Group], metric: Metric, lines: Sequence[Line], width: float, height: float) -> str:
    human = level(groups, metric.name) if metric.better != "neither" else None
    title = f"{metric.title} by round, one curve a regime"
    return curves(lines, title=title, width=width, height=height, level=human)


def table(story: Story) -> Table:
    """Mean and 95 % interval at chosen rounds, and the difference from human data alone in the last."""
    name = story.metric.name
    rounds = chosen(story.round, most=5, first=1)
    found = [[group.interval(name, r) for r in rounds] for group in story.groups]
    places = _places([interval for row in found for interval in row])
    rows = [
        Row(group, [_cell(interval, places) for interval in row], _difference(story, group, places))
        for group, row in zip(story.groups, found, strict=True)
    ]
    human = level(story.groups, name)
    compared = story.compared if any(row.difference for row in rows) else ""
    return Table(story.metric, rounds, rows, "" if human is None else compact(human), compared)


def _places(found: Sequence[Interval]) -> int:
    """Decimals for a whole table: those that its typical interval deserves."""
    widths = [interval.high - interval.low for interval in found if interval.high > interval.low]
    return decimals(0, float(np.median(widths))) if widths else 2


def _cell(found: Interval, places: int) -> str:
    return "" if math.isnan(found.mean) else written(found, places=places)


def _difference(story: Story, group: Group, places: int) -> str:
    difference = story.difference(group)
    return "" if difference is None else written(difference.interval, places=places, sign=True)


def cards(story: Story) -> list[Card]:
    """One a group."""
    found = [(group, written(group.interval(story.metric.name, story.round))) for group in story.groups]
    return [
        Card(group, mean, ends.rstrip(")")) for group, (mean, _, ends) in ((g, w.partition(" (")) for g, w in found)
    ]


def gallery(groups: Sequence[Group], last: int, square: int = SQUARE) -> Gallery | None:
    """The first `square²` pictures of chosen rounds of each group's first run; None where the items are no pictures."""
    rounds = [r for r in chosen(last, most=5) if all(_picture(group, r).is_file() for group in groups)]
    if not rounds:
        return None
    rows = [(group, [_sheet(_picture(group, r), square) for r in rounds]) for group in groups]
    return Gallery(rounds, rows, square**2)


def _picture(group: Group, round_: int) -> Path:
    return group.runs[0].folder / "samples" / f"round-{round_:03d}.npy"


def _sheet(file: Path, square: int) -> str:
    images = np.load(file, allow_pickle=False)
    return pictures.data_address(pictures.png(pictures.sheet(images, square, square)))


def knowledge(group: Group, last: int) -> Knowledge:
    """Charts of the training mixes and of what the registry held, and the latter as a table."""
    rounds = [r for r in group.rounds if r <= last]
    rounds = rounds[:: 1 + len(rounds) // MOST_BARS]
    held = {r: counts for r in rounds if (counts := group.counts("registry", r)) is not None}
    mixes = {r: counts for r in rounds if (counts := group.counts("mix", r)) is not None}
    return Knowledge(
        group,
        mix=_stacks(mixes, last, f"{group.label}: what each round trained on"),
        truth=_truth(group, last),
        held=_stacks(held, last, f"{group.label}: what the registry held after each round"),
        rows=[_known(group, r, held[r]) for r in held if r in chosen(last, most=12)],
    )


def _truth(group: Group, last: int) -> str:
    """`10 % truly human in round 10, 10 % by the registry`."""
    true, held = group.interval("true_human_share", last).mean, group.counts("mix", last)
    if math.isnan(true) or held is None:
        return ""
    share = held["human"] / sum(held.values())
    return f"{_percent(true)} truly human in round {last}, {_percent(share)} by the registry"


def _percent(share: float) -> str:
    return f"{round(100 * share, 1):g} %"


def _stacks(by_round: dict[int, dict[str, float]], last: int, title: str) -> str:
    return stacks([Bar(r, _layers(counts, last)) for r, counts in by_round.items()], title=title)


def _layers(counts: dict[str, float], last: int) -> list[Layer]:
    """Human at the bottom, then generations from young to old, at most `SHADES` of them apart, then what is open."""
    shades = min(last, SHADES)
    made: dict[int, list[int]] = {}
    for generation in sorted(int(name) for name in counts if name.isdigit()):
        made.setdefault(min(generation - 1, last - 1) * shades // last, []).append(generation)
    layers = [
        Layer("made", _span(generations), sum(counts[str(g)] for g in generations), (shade + 1) / shades)
        for shade, generations in made.items()
    ]
    known = [Layer("human", "human", counts["human"])]
    return known + layers + [Layer(name, name, counts[name]) for name in ("contested", "unknown")]


def _span(generations: Sequence[int]) -> str:
    if len(generations) == 1:
        return f"generation {generations[0]}"
    return f"generations {generations[0]} to {generations[-1]}"


def _known(group: Group, round_: int, counts: dict[str, float]) -> list[str]:
    """Round, generation of its output, then items: human, made (with their generations), contested, unknown."""
    generations = sorted(int(name) for name, count in counts.items() if name.isdigit() and count)
    made = compact(sum(counts[str(generation)] for generation in generations))
    span = f" ({_span(generations)})" if generations else ""
    row = group.runs[0].rows[round_]
    bound = "≥ " if row["lower_bound"] else ""
    rest = [compact(counts[name]) for name in ("contested", "unknown")]
    return [str(round_), f"{bound}{row['generation']}", compact(counts["human"]), made + span, *rest]


def settings(groups: Sequence[Group]) -> list[tuple[str, str]]:
    """What all runs have in common, and the seeds."""
    every = [dict(flatten(run.config)) for group in groups for run in group.runs]
    common = [(n, str(v)) for n, v in every[0].items() if all(config.get(n) == v for config in every)]
    seeds = sorted({run.seed for group in groups for run in group.runs})
    shown = ", ".join(map(str, seeds)) if len(seeds) <= 12 else f"{len(seeds)} from {seeds[0]} to {seeds[-1]}"
    return [*((name, value) for name, value in common if name != "seed"), ("seeds", shown)]


def seeds(groups: Sequence[Group]) -> str:
    """Return what the intervals are over: `5 seeds`, `one seed × 100 chains`."""
    counts = sorted({len(group.runs) for group in groups})
    chains = groups[0].runs[0].config["chains"]
    most = "one seed" if counts[-1] == 1 else f"{counts[-1]} seeds"
    over = most if len(counts) == 1 else f"{counts[0]} to {most}"
    return f"{over} × {chains} chains" if by_chains(counts[-1], chains) else over


def origins(groups: Sequence[Group]) -> list[tuple[str, str]]:
    """Commit, versions, device and digests: each value that occurs, most often one."""
    headers = [run.header for group in groups for run in group.runs]
    named = [
        {
            "commit": header["commit"] or "not a clone",
            "device": header["device"],
            "human data": header["data"],
            **header["versions"],
            **header.get("sources", {}),
        }
        for header in headers
    ]
    names = dict.fromkeys(name for header in named for name in header)
    return [(name, " · ".join(sorted({str(h[name]) for h in named if name in h}))) for name in names]
