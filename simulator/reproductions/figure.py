"""The figure of a reproduction: curves over the rounds with their intervals, theory dashed; drawn by matplotlib."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from simulator.reproductions.rows import PlayedRun, ResultTable
from simulator.reproductions.table import row_of

#: Okabe and Ito's colours, which those tell apart too who see fewer; in the order in which conditions get them.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#999999", "#7F3C8D", "#A5AA99")
#: Its salt makes the same figure the same file.
_STYLE = Path(__file__).with_name("figure.mplstyle")

_DOTS_PER_INCH = 150
_DASHES = (0, (2, 2))


def new(width: float = 9.0, height: float = 4.5) -> Figure:
    """An empty figure, inches."""
    return Figure(figsize=(width, height), layout="constrained")


def usual(table: ResultTable) -> Callable[[ResultTable], Figure]:
    """Curves, as long as there are colours to tell them apart; else points."""
    return curves if len(table.groups) <= len(COLOURS) else points


def points(table: ResultTable) -> Figure:
    """A panel a metric, a line a condition: the mean in the last round told, its 95 % interval, and theory as a bar."""
    metrics = [metric for metric in table.metrics if table.of(metric)]
    figure = new(4.0 * len(metrics) + 3.5, 0.24 * len(table.groups) + 1.2)
    panels = figure.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
    places = {condition: -place for place, condition in enumerate(table.groups)}
    for panel, metric in zip(panels, metrics, strict=True):
        rows = table.of(metric)
        last = max(row.round for row in rows)
        told = [row for row in rows if row.round == last]
        y = [places[row.condition] for row in told]
        ends = [[row.measured - row.low for row in told], [row.high - row.measured for row in told]]
        panel.errorbar([row.measured for row in told], y, xerr=ends, fmt="o", ms=4, capsize=2, color=COLOURS[0])
        theory = [(row.reference, places[row.condition]) for row in told if row.kind]
        if theory:
            panel.plot(*zip(*theory, strict=True), "|", ms=11, mew=2, color=COLOURS[1], label="theory")
            panel.legend(fontsize=9)
        panel.set_title(f"{metric.replace('_', ' ')}, generation {last}", fontsize=10)
    panels[0].set_yticks(list(places.values()), list(places), fontsize=8)
    return figure


def curves(table: ResultTable) -> Figure:
    """A panel a metric: each condition's mean over the rounds, its 95 % interval, and theory where there is one."""
    metrics = [metric for metric in table.metrics if table.of(metric)]
    columns = min(3, len(metrics))
    lines = -(-len(metrics) // columns)
    figure = new(4.2 * columns + 0.6, 3.2 * lines + 0.6)
    panels = figure.subplots(lines, columns, squeeze=False)
    for panel, metric in zip(panels.flat, metrics, strict=False):
        _panel(panel, table, metric)
    for panel in list(panels.flat)[len(metrics) :]:
        panel.set_visible(False)
    handles, labels = panels[0][0].get_legend_handles_labels()
    if any(row.kind for row in table.rows):
        handles.append(Line2D([], [], color="grey", ls=_DASHES))
        labels.append("theory")
    figure.legend(handles, labels, loc="outside lower center", ncols=min(4, max(1, len(labels))), fontsize=9)
    return figure


def _panel(panel: Axes, table: ResultTable, metric: str) -> None:
    for colour, (condition, group) in zip(_colours(len(table.groups)), table.groups.items(), strict=True):
        last = min(len(member.results.rows) for member in group)
        there = [t for t in range(last) if table.tells(group[0].run, t)]
        rows = [row_of(group, condition, metric, t) for t in there]
        told = [row for row in rows if row.measured == row.measured]
        if not told:
            continue
        rounds = [row.round for row in told]
        panel.plot(rounds, [row.measured for row in told], color=colour, label=condition)
        panel.fill_between(
            rounds, [row.low for row in told], [row.high for row in told], color=colour, alpha=0.18, lw=0
        )
        known = [(t, value) for t in there if t and (value := expected(table, group, metric, t)) is not None]
        if known:
            panel.plot(*zip(*known, strict=True), color=colour, ls=_DASHES, lw=1.6, alpha=0.9)
    panel.set_title(metric.replace("_", " "), fontsize=10)
    panel.set_xlabel("generation")
    panel.xaxis.set_major_locator(MaxNLocator(integer=True))


def expected(table: ResultTable, group: Sequence[PlayedRun], metric: str, t: int) -> float | None:
    """What theory says of the mean over a condition's runs."""
    found = [table.theory(member.run, metric, t) for member in group]
    values = [reference.value for reference in found if reference is not None]
    return sum(values) / len(values) if values else None


def _colours(count: int) -> Sequence[str]:
    return [COLOURS[i % len(COLOURS)] for i in range(count)]


def saved(figure: Figure, path: str) -> None:
    """Write `path` as it ends: .svg or .png. Nothing of the moment is in it."""
    metadata = {"Date": None} if path.endswith(".svg") else {"Software": None}
    figure.savefig(path, dpi=_DOTS_PER_INCH, metadata=metadata)


def styled() -> AbstractContextManager[None]:
    """The context in which figures are drawn and saved."""
    return style.context(str(_STYLE))
