"""Runs → a table of means and 95 % intervals over seeds, by regime and generation."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rich import box
from rich.table import Column, Table

from simulator.metrics.definitions import describe
from simulator.metrics.intervals import Interval, estimate
from simulator.runs.results import Results


class Cell(NamedTuple):
    """A metric of a regime in a round, over seeds."""

    metric: str
    regime: str
    round: int
    value: Interval
    seeds: int


def milestones(generations: int) -> list[int]:
    """The rounds that a table shows: human data, the first model, halfway and the last."""
    return sorted({0, 1, generations // 2, generations})


def cells(runs: Sequence[Results], rounds: Iterable[int], metrics: Sequence[str] = ()) -> list[Cell]:
    """All regimes' cells, metric by metric; every metric if none are named. Runs that got less far are left out."""
    regimes = list(dict.fromkeys(run.regime for run in runs))
    names = metrics or list(dict.fromkeys(name for run in runs for name in run.metrics))
    shown = list(rounds)
    return [_cell(runs, name, regime, round) for name in names for regime in regimes for round in shown]


def _cell(runs: Sequence[Results], metric: str, regime: str, round: int) -> Cell:
    reached = [run.summary(metric, round) for run in runs if run.regime == regime and len(run.rows) > round]
    seeds = [summary for summary in reached if summary is not None]
    return Cell(metric, regime, round, estimate(seeds, describe(metric).bounds).interval, len(seeds))


def render(found: Sequence[Cell], title: str) -> Table:
    """The cells as a table that fits a terminal of 80 columns: a section a metric, a line a regime."""
    rounds = list(dict.fromkeys(cell.round for cell in found))
    table = Table(
        Column("generation", overflow="fold"), title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False
    )
    for round in rounds:
        table.add_column("human data" if round == 0 else str(round), justify="right", no_wrap=True)
    for metric in dict.fromkeys(cell.metric for cell in found):
        table.add_row(f"[bold]{metric}[/]")
        ours = [cell for cell in found if cell.metric == metric]
        for regime in dict.fromkeys(cell.regime for cell in ours):
            table.add_row(f" {regime}", *(_text(cell) for cell in ours if cell.regime == regime))
        table.add_section()
    return table


def _text(cell: Cell) -> str:
    """The mean with as many decimals as two significant digits of its interval's half width have."""
    mean, low, high = cell.value
    half = (high - low) / 2
    if math.isnan(mean):
        return "–"
    if not half > 0:
        return f"{mean:.4g}" + (" ± 0" if half == 0 else "")
    if not cell.value.symmetric:
        return str(cell.value)
    places = max(0, 1 - math.floor(math.log10(half)))
    return f"{mean:.{places}f} ± {half:.{places}f}"


def as_json(found: Sequence[Cell]) -> list[dict[str, str | int | float | None]]:
    """The cells as plain JSON; null for what is not known."""
    return [
        {
            "metric": cell.metric,
            "regime": cell.regime,
            "round": cell.round,
            **{name: None if math.isnan(value) else value for name, value in cell.value._asdict().items()},
            "seeds": cell.seeds,
        }
        for cell in found
    ]
