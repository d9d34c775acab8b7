"""The table of a named result as text: as CSV, as Markdown and for the terminal; and its agreement with theory."""

import csv
import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields

from rich import box
from rich.markup import escape
from rich.table import Column, Table
from scipy import stats

from simulator.metrics.definitions import describe
from simulator.report.numbers import distances
from simulator.reproductions.rows import ResultRow, ResultTable

#: The joint confidence level of the tests of all rows.
_LEVEL = 0.99


def agreement(rows: Sequence[ResultRow]) -> list[str]:
    """Return sentences that say whether the measured values agree with the values of theory.

    The rows with an exact value of theory are tested together, at the 99 % level, with a Bonferroni correction. The
    rows with a lower bound are tested in the same way, but one-sided. Rows with equal numbers count only once, because
    many conditions have the same model in round 1.
    """
    sentences, rows = [], _distinct(rows)
    with_exact = [row for row in rows if row.kind == "exact"]
    exact = [row for row in with_exact if row.standard_error > 0]
    if len(exact) < len(with_exact):
        untested = len(with_exact) - len(exact)
        sentences.append(
            f"{untested} rows with an exact prediction were not tested, because they have no standard error"
        )
    if exact:
        worst = min(exact, key=lambda row: row.chance)
        joint = min(1.0, len(exact) * worst.chance)
        widest = max(row.standard_error / abs(row.reference) for row in exact if row.reference)
        verdict = "agree" if joint >= 1 - _LEVEL else "DISAGREE"
        sentences.append(
            f"{len(exact)} rows with an exact prediction {verdict} with theory, tested together at the 99 % level: the "
            f"largest distance from the prediction is {worst.z:+.2f} standard errors ({worst.condition}, "
            f"{worst.metric}, round {worst.round}; Bonferroni p = {joint:.2g}); the largest standard error is "
            f"{100 * widest:.1f} % of the prediction of its row"
        )
    with_bound = [row for row in rows if row.kind == "bound"]
    bounds = [row for row in with_bound if row.standard_error > 0 or row.measured >= row.reference]
    if len(bounds) < len(with_bound):
        untested = len(with_bound) - len(bounds)
        sentences.append(f"{untested} rows below a lower bound were not tested, because they have no standard error")
    if bounds:
        limit = float(stats.norm.ppf(1 - (1 - _LEVEL) / len(bounds)))
        below = [
            row
            for row in bounds
            if row.measured < row.reference and row.measured < row.reference - limit * row.standard_error
        ]
        verdict = f"DO NOT HOLD in {len(below)} rows" if below else "hold"
        sentences.append(f"{len(bounds)} lower bounds {verdict}, tested together at the 99 % level (one-sided tests)")
    near = [row for row in rows if row.kind == "first-order" and row.reference]
    if near:
        distance = max(abs(row.measured / row.reference - 1) for row in near)
        sentences.append(
            f"{len(near)} rows with an approximate prediction differ from it by at most {100 * distance:.1f} %"
        )
    return sentences


def _distinct(rows: Sequence[ResultRow]) -> list[ResultRow]:
    """Return only the first of all rows with the same numbers.

    Nine digits are compared, because further digits can depend on the order in which items are drawn.
    """
    first: dict[tuple[object, ...], ResultRow] = {}
    for row in rows:
        numbers = (f"{value:.9g}" for value in (row.measured, row.standard_error, row.reference))
        first.setdefault((row.metric, row.round, row.kind, *numbers), row)
    return list(first.values())


def as_csv(rows: Sequence[ResultRow]) -> str:
    """Return the rows of a table as CSV with a header. A number that is not known becomes an empty field."""
    out = io.StringIO()
    columns = [field.name for field in fields(ResultRow)]
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: "" if value != value else value for name, value in asdict(row).items()})
    return out.getvalue()


def as_markdown(table: ResultTable) -> str:
    """Return the table as Markdown: one table per metric, with one line per condition and one column per round."""
    blocks = []
    for metric, rounds, lines in _by_metric(table):
        head = [f"| {metric} | " + " | ".join(f"round {t}" for t in rounds) + " |", "|---" * (len(rounds) + 1) + "|"]
        body = [f"| {condition} | " + " | ".join(map("; ".join, cells)) + " |" for condition, cells in lines]
        blocks.append("\n".join(head + body))
    return "\n\n".join(blocks) + "\n"


def as_terminal_tables(table: ResultTable) -> Iterator[Table]:
    """Yield tables for the terminal: one per metric, with one line per condition and one column per round."""
    for metric, rounds, lines in _by_metric(table):
        unit = describe(metric).unit
        title = f"{escape(describe(metric).title)} ({metric}{f', {unit}' if unit else ''})"
        columns = [Column("condition", overflow="fold"), *(Column(f"round {t}", overflow="fold") for t in rounds)]
        terminal = Table(*columns, title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
        for condition, cells in lines:
            terminal.add_row(escape(condition), *(escape("\n".join(cell)) for cell in cells))
        yield terminal


def _by_metric(table: ResultTable) -> Iterator[tuple[str, list[int], list[tuple[str, list[list[str]]]]]]:
    """Yield each metric with its rounds and its conditions. A condition has one cell per round, as a list of parts."""
    for metric in table.metrics:
        rows = table.of(metric)
        if rows:
            rounds = sorted({row.round for row in rows})
            lines = []
            for condition in dict.fromkeys(row.condition for row in rows):
                cells = {row.round: _cell(row) for row in rows if row.condition == condition}
                lines.append((condition, [cells.get(t, []) for t in rounds]))
            yield metric, rounds, lines


def _cell(row: ResultRow) -> list[str]:
    """Return the parts of a cell: mean with interval, median, reference, and difference from the baseline.

    The median is shown only if mean and median differ by a factor of two or more. Unknown parts are omitted.
    """
    value = f"{row.measured:.4g}"
    if math.isfinite(row.low) and math.isfinite(row.high):
        value += f" {distances(row.measured - row.low, row.high - row.measured, '.2g')}"
    parts = [value]
    if row.chains > 1 and row.median and not 0.5 < row.measured / row.median < 2:
        parts.append(f"median {row.median:.4g}")
    if not math.isnan(row.reference):
        parts.append(f"{row.kind} {row.reference:.4g}")
    if not math.isnan(row.difference_low):
        parts.append(f"Δ {row.difference:+.3g} [{row.difference_low:.3g}, {row.difference_high:.3g}]")
    return parts
