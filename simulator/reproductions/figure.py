"""The default figures of a named result, drawn with matplotlib: measured curves or points, and values of theory."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from simulator.reproductions.base import Reproduction
from simulator.reproductions.rows import PlayedRun, ResultTable
from simulator.reproductions.table import row_of

#: The colours of Okabe and Ito, which colour-blind readers can tell apart, in the order of the conditions.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#000000", "#999999", "#7F3C8D", "#A5AA99")
#: The style sets a fixed salt for the ids in an SVG file, so that the same figure always gives the same file.
_STYLE = Path(__file__).with_name("figure.mplstyle")

_DOTS_PER_INCH = 150
_DASHES = (0, (2, 2))


def new(width: float = 9.0, height: float = 4.5) -> Figure:
    """Return an empty figure. `width` and `height` are in inches."""
    return Figure(figsize=(width, height), layout="constrained")


def draw(reproduction: Reproduction, table: ResultTable) -> Figure:
    """Return the figure of a named result.

    If its definition has no function for the figure, the figure has curves. If there are more conditions than colours,
    it has points.
    """
    if reproduction.draw:
        return reproduction.draw(table)
    return curves(table) if len(table.groups) <= len(COLOURS) else points(table)


def points(table: ResultTable) -> Figure:
    """Return a figure with one panel per metric and one line per condition, for the last round.

    It shows means with 95 % intervals, and the values of theory.
    """
    metrics = [metric for metric in table.metrics if table.of(metric)]
    figure = new(4.0 * len(metrics) + 3.5, 0.24 * len(table.groups) + 1.2)
    panels = figure.subplots(1, len(metrics), sharey=True, squeeze=False)[0]
    heights = {condition: -number for number, condition in enumerate(table.groups)}
    for panel, metric in zip(panels, metrics, strict=True):
        last = max(row.round for row in table.of(metric))
        rows = [row for row in table.of(metric) if row.round == last]
        y = [heights[row.condition] for row in rows]
        ends = [[row.measured - row.low for row in rows], [row.high - row.measured for row in rows]]
        panel.errorbar([row.measured for row in rows], y, xerr=ends, fmt="o", ms=4, capsize=2, color=COLOURS[0])
        theory = [(row.reference, heights[row.condition]) for row in rows if row.kind]
        if theory:
            panel.plot(*zip(*theory, strict=True), "|", ms=11, mew=2, color=COLOURS[1], label="theory")
            panel.legend(fontsize=9)
        panel.set_title(f"{metric.replace('_', ' ')}, generation {last}", fontsize=10)
    panels[0].set_yticks(list(heights.values()), list(heights), fontsize=8)
    return figure


def curves(table: ResultTable) -> Figure:
    """Return a figure with one panel per metric and one curve per condition over the rounds.

    It shows means with 95 % intervals, and the values of theory as dashed lines.
    """
    metrics = [metric for metric in table.metrics if table.of(metric)]
    columns = min(3, len(metrics))
    lines = -(-len(metrics) // columns)
    figure = new(4.2 * columns + 0.6, 3.2 * lines + 0.6)
    panels = figure.subplots(lines, columns, squeeze=False)
    for panel, metric in zip(panels.flat, metrics, strict=False):
        for number, (condition, group) in enumerate(table.groups.items()):
            _curve(panel, table, condition, group, metric, COLOURS[number % len(COLOURS)])
        panel.set_title(metric.replace("_", " "), fontsize=10)
        panel.set_xlabel("generation")
        panel.xaxis.set_major_locator(MaxNLocator(integer=True))
    for panel in list(panels.flat)[len(metrics) :]:
        panel.set_visible(False)
    handles, labels = panels[0][0].get_legend_handles_labels()
    if any(row.kind for row in table.rows):
        handles.append(Line2D([], [], color="grey", ls=_DASHES))
        labels.append("theory")
    figure.legend(handles, labels, loc="outside lower center", ncols=min(4, max(1, len(labels))), fontsize=9)
    return figure


def _curve(
    panel: Axes, table: ResultTable, condition: str, group: Sequence[PlayedRun], metric: str, colour: str
) -> None:
    last = min(len(member.results.rows) for member in group)
    covered = [t for t in range(last) if table.covers(group[0].run, t)]
    rows = [row for t in covered if (row := row_of(group, condition, metric, t)).measured == row.measured]
    if not rows:
        return
    rounds, low, high = [row.round for row in rows], [row.low for row in rows], [row.high for row in rows]
    panel.plot(rounds, [row.measured for row in rows], color=colour, label=condition)
    panel.fill_between(rounds, low, high, color=colour, alpha=0.18, lw=0)
    known = [(t, value) for t in covered if t and (value := expected(table, group, metric, t)) is not None]
    if known:
        panel.plot(*zip(*known, strict=True), color=colour, ls=_DASHES, lw=1.6, alpha=0.9)


def expected(table: ResultTable, group: Sequence[PlayedRun], metric: str, t: int) -> float | None:
    """Return the value of a metric in round t that theory predicts, as the mean over the runs of a condition.

    `group` has these runs. Return None if there is no theory.
    """
    references = [table.theory(member.run, metric, t) for member in group]
    values = [reference.value for reference in references if reference is not None]
    return sum(values) / len(values) if values else None


def save(figure: Figure, path: str) -> None:
    """Write the figure to an .svg or .png file. The file contains no date, so the same figure gives the same bytes."""
    metadata = {"Date": None} if path.endswith(".svg") else {"Software": None}
    figure.savefig(path, dpi=_DOTS_PER_INCH, metadata=metadata)


def styled() -> AbstractContextManager[None]:
    """Return a context manager that sets the style of figures. Figures must be drawn and saved inside it."""
    return style.context(str(_STYLE))
