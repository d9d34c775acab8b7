"""The table that `simulate run`, `resume` and `demo` print: means and 95 % intervals, by regime and round."""

import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from rich import box
from rich.markup import escape
from rich.table import Column, Table

from simulator.metrics.definitions import describe
from simulator.metrics.intervals import Interval, by_chains, estimate
from simulator.report.numbers import distances
from simulator.runs.results import Results


class Cell(NamedTuple):
    """The mean of a metric over the seeds of a regime in one round, with its 95 % interval."""

    metric: str
    regime: str
    round: int
    value: Interval
    seeds: int


def milestones(generations: int) -> list[int]:
    """Return the rounds that a table shows: 0 (the human data), 1, the middle round and the last round."""
    return sorted({0, 1, generations // 2, generations})


def cells(runs: Sequence[Results], rounds: Iterable[int], metrics: Sequence[str] = ()) -> list[Cell]:
    """Return the cells of the table for these runs and rounds, one metric after the other.

    `metrics` are the names of the metrics; by default, all metrics of the runs. A run that has not reached a round does
    not count in the cells of this round.
    """
    regimes = list(dict.fromkeys(run.regime for run in runs))
    shown = list(rounds)
    table = []
    for metric in metrics or list(dict.fromkeys(name for run in runs for name in run.metrics)):
        for regime in regimes:
            ours = [run for run in runs if run.regime == regime]
            for round in shown:
                summaries = [summary for run in ours if (summary := run.summary(metric, round)) is not None]
                value = estimate(summaries, describe(metric).bounds).interval
                table.append(Cell(metric, regime, round, value, len(summaries)))
    return table


def render(cells: Sequence[Cell], title: str) -> Table:
    """Return the table for the terminal: one section per metric, with one line per regime and one column per round."""
    rounds = list(dict.fromkeys(cell.round for cell in cells))
    table = Table(
        Column("generation", overflow="fold"), title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False
    )
    for round in rounds:
        table.add_column("human data" if round == 0 else str(round), justify="right", no_wrap=True)
    for metric in dict.fromkeys(cell.metric for cell in cells):
        table.add_row(f"[bold]{escape(metric)}[/]")
        ours = [cell for cell in cells if cell.metric == metric]
        for regime in dict.fromkeys(cell.regime for cell in ours):
            table.add_row(f" {escape(regime)}", *(text(cell.value) for cell in ours if cell.regime == regime))
        table.add_section()
    return table


def title(runs: Sequence[Results]) -> str:
    """Return the title of the table, with the numbers of seeds and chains over which intervals are computed."""
    seeds, chains = len({run.seed for run in runs}), min(int(run.config["chains"]) for run in runs)
    units = f"{seeds} seed{'s' * (seeds > 1)}" + (f" × {chains} chains" if by_chains(seeds, chains) else "")
    return (
        f"Mean and 95 % interval over {units}"
        if seeds > 1 or by_chains(seeds, chains)
        else "One seed, without intervals"
    )


def text(value: Interval) -> str:
    """Return a mean, and the distances to the ends of its interval, as text; `–` if the mean is not known.

    The text has as many decimals as the interval allows.
    """
    mean, low, high = value
    half = (high - low) / 2
    if math.isnan(mean):
        return "–"
    if not half > 0 or math.isinf(half):
        return f"{mean:.4g}" + (" ± 0" if half == 0 else "")
    decimals = max(0, 1 - math.floor(math.log10(half)))
    return f"{mean:.{decimals}f} {distances(mean - low, high - mean, f'.{decimals}f')}"


def as_json(cells: Sequence[Cell]) -> list[dict[str, str | int | float | None]]:
    """Return the cells as values that JSON can represent. A number that is not known is None (null in JSON)."""
    return [
        {
            "metric": cell.metric,
            "regime": cell.regime,
            "round": cell.round,
            **{name: None if math.isnan(value) else value for name, value in cell.value._asdict().items()},
            "seeds": cell.seeds,
        }
        for cell in cells
    ]
