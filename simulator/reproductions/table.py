"""The numbers of a named result: a row per condition, metric and round, over seeds and chains, beside the theory."""

import csv
import io
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

import numpy as np
from scipy import stats

from simulator import names
from simulator.config import Run, decode
from simulator.metrics.definitions import describe
from simulator.metrics.intervals import ChainSummary, Interval, difference, estimate
from simulator.report.tables import milestones
from simulator.reproductions.base import Reproduction
from simulator.reproductions.rows import PlayedRun, ResultRow, ResultTable
from simulator.runs.results import Results

_LEVEL = 0.99


def tabulate(reproduction: Reproduction, played: Sequence[Results], rounds: Sequence[int] = ()) -> ResultTable:
    """The table of finished runs; of the rounds given, or of milestones."""
    members = [PlayedRun(decode(results.config), results) for results in played]
    groups = _grouped(reproduction, members)
    last = min(len(member.results.rows) - 1 for member in members)
    shown = [t for t in (rounds or milestones(last)) if t <= last]
    against = groups.get(reproduction.baseline)
    every = [
        _row(reproduction, condition, group, metric, t, None if condition == reproduction.baseline else against)
        for metric in reproduction.metrics
        for condition, group in groups.items()
        for t in shown
        if reproduction.tells(group[0].run, t)
    ]
    rows = [row for row in every if not math.isnan(row.measured)]
    if missing := [metric for metric in reproduction.metrics if all(row.metric != metric for row in rows)]:
        raise ValueError(f"no run of {reproduction.name} has the metric {missing[0]} in the rounds of the table")
    return ResultTable(reproduction.metrics, groups, rows, reproduction.theory, reproduction.tells)


def row_of(group: Sequence[PlayedRun], condition: str, metric: str, t: int) -> ResultRow:
    """Return mean, standard error, 95 % interval (`metrics.intervals`) and median of a condition in a round."""
    seeds = summaries_by_seed(group, metric, t)
    chains = group[0].run.chains
    (mean, low, high), error = estimate(list(seeds.values()), describe(metric).bounds)
    medians = [member.results.series(metric, "median")[t] for member in group]
    values = medians if chains > 1 else [summary.mean for summary in seeds.values()] or [math.nan]
    return ResultRow(condition, t, metric, mean, error, low, high, float(np.median(values)), len(seeds), chains)


def summaries_by_seed(group: Sequence[PlayedRun], metric: str, t: int) -> dict[int, ChainSummary]:
    """Return a metric in a round, summarised over chains, by seed; without the seeds that have no value."""
    summaries = {member.results.seed: member.results.summary(metric, t) for member in group}
    return {seed: summary for seed, summary in summaries.items() if summary is not None}


def values_by_seed(group: Sequence[PlayedRun], metric: str, t: int) -> dict[int, float]:
    """Return a metric's mean over chains in a round, by seed."""
    return {seed: summary.mean for seed, summary in summaries_by_seed(group, metric, t).items()}


def _row(
    reproduction: Reproduction,
    condition: str,
    group: Sequence[PlayedRun],
    metric: str,
    t: int,
    against: Sequence[PlayedRun] | None,
) -> ResultRow:
    row = asdict(row_of(group, condition, metric, t))
    theory = {member.run.seed: reproduction.theory(member.run, metric, t) for member in group}
    references = {seed: reference for seed, reference in theory.items() if reference is not None}
    if references:
        values = np.array([reference.value for reference in references.values()])
        row |= {"reference": float(values.mean()), "kind": next(iter(references.values())).kind}
        if np.ptp(values) > 0:  # theory depends on the seed, so chance is in what differs from it alone
            measured = values_by_seed(group, metric, t)
            errors = [measured[seed] - reference.value for seed, reference in references.items()]
            row["standard_error"] = float(stats.sem(errors))
    if against is not None:
        fields_of_difference = ("difference", "difference_low", "difference_high")
        apart = difference(summaries_by_seed(group, metric, t), summaries_by_seed(against, metric, t))
        row |= dict(zip(fields_of_difference, apart, strict=True))
    return ResultRow(**row)


def _grouped(reproduction: Reproduction, members: Sequence[PlayedRun]) -> dict[str, list[PlayedRun]]:
    """Runs of one condition together, in the order in which conditions first appear."""
    name = reproduction.condition or _differing([member.run for member in members])
    groups: dict[str, list[PlayedRun]] = {}
    for member in members:
        groups.setdefault(name(member.run), []).append(member)
    return groups


def _differing(runs: Sequence[Run]) -> "ConditionNamer":
    parts = {part: {_part(run, part) for run in runs} for part in _PARTS}
    return ConditionNamer(tuple(part for part in _PARTS if len(parts[part]) > 1) or ("regime",))


_PARTS = ("regime", "world", "family", "corpus", "n")


def _part(run: Run, part: str) -> str:
    value = getattr(run, part)
    return f"n={value}" if part == "n" else names.label(value)


@dataclass(frozen=True)
class ConditionNamer:
    """Names a run by the parts of it that differ."""

    parts: tuple[str, ...]

    def __call__(self, run: Run) -> str:
        return ", ".join(_part(run, part) for part in self.parts)


def verdicts(rows: Sequence[ResultRow]) -> list[str]:
    """In words, how the rows with a reference agree with it: exact ones jointly at 99 %, bounds one-sided.

    Rows of equal numbers count once: in round 1 many conditions are one and the same model.
    """
    sentences, rows = [], _distinct(rows)
    stated_exact = [row for row in rows if row.kind == "exact"]
    exact = [row for row in stated_exact if row.standard_error > 0]
    if len(exact) < len(stated_exact):
        sentences.append(f"{len(stated_exact) - len(exact)} exact rows have no standard error and were not judged")
    if exact:
        worst = min(exact, key=lambda row: row.chance)
        chance = min(1.0, len(exact) * worst.chance)
        widest = max(row.standard_error / abs(row.reference) for row in exact if row.reference)
        agrees = "agree" if chance >= 1 - _LEVEL else "DISAGREE"
        sentences.append(
            f"{len(exact)} exact rows {agrees} jointly at 99 %: the farthest is {worst.z:+.2f} standard errors away "
            f"({worst.condition}, {worst.metric}, round {worst.round}; with this many rows, chance alone goes as far "
            f"in at most {100 * chance:.1f} % of cases); the largest standard error is {100 * widest:.1f} % of its "
            "reference"
        )
    stated = [row for row in rows if row.kind == "bound"]
    bounds = [row for row in stated if row.standard_error > 0 or row.measured >= row.reference]
    if len(bounds) < len(stated):
        sentences.append(f"{len(stated) - len(bounds)} rows below a bound have no standard error and were not judged")
    if bounds:
        limit = float(stats.norm.ppf(1 - (1 - _LEVEL) / len(bounds)))
        below = [
            row
            for row in bounds
            if row.measured < row.reference and row.measured < row.reference - limit * row.standard_error
        ]
        sentences.append(
            f"{len(bounds)} bounds {'hold' if not below else f'DO NOT HOLD in {len(below)} rows'}, one-sided"
        )
    near = [row for row in rows if row.kind == "first-order" and row.reference]
    if near:
        away = max(abs(row.measured / row.reference - 1) for row in near)
        sentences.append(f"{len(near)} rows beside a first-order reference: {100 * away:.1f} % away at most")
    return sentences


def _distinct(rows: Sequence[ResultRow]) -> list[ResultRow]:
    """The first of the rows of one measurement; its last digits depend on the order in which items were drawn."""
    first: dict[tuple[object, ...], ResultRow] = {}
    for row in rows:
        numbers = (f"{value:.9g}" for value in (row.measured, row.standard_error, row.reference))
        first.setdefault((row.metric, row.round, row.kind, *numbers), row)
    return list(first.values())


def as_csv(rows: Sequence[ResultRow]) -> str:
    out = io.StringIO()
    columns = [field.name for field in fields(ResultRow)]
    writer = csv.DictWriter(out, columns, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        values = asdict(row)
        writer.writerow({name: "" if values[name] != values[name] else values[name] for name in columns})
    return out.getvalue()


def as_markdown(table: ResultTable) -> str:
    """Metric by metric: a line a condition, a column a round."""
    blocks = []
    for metric in table.metrics:
        rows = table.of(metric)
        if not rows:
            continue
        rounds = sorted({row.round for row in rows})
        lines = [f"| {metric} | " + " | ".join(f"round {t}" for t in rounds) + " |", "|---" * (len(rounds) + 1) + "|"]
        for condition in dict.fromkeys(row.condition for row in rows):
            cells = {row.round: _cell(row) for row in rows if row.condition == condition}
            lines.append(f"| {condition} | " + " | ".join(cells.get(t, "") for t in rounds) + " |")
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def _cell(row: ResultRow) -> str:
    ends = Interval(row.measured, row.low, row.high)
    text = f"{row.measured:.4g}" if math.isnan(row.low) else str(ends)
    if ends.symmetric:
        text = f"{row.measured:.4g} ± {(row.high - row.low) / 2:.2g}"
    if row.chains > 1 and row.median and not 0.5 < row.measured / row.median < 2:
        text += f", median {row.median:.4g}"
    if not math.isnan(row.reference):
        text += f" ({row.kind} {row.reference:.4g})"
    if not math.isnan(row.difference_low):
        text += f"; Δ {row.difference:+.3g} [{row.difference_low:.3g}, {row.difference_high:.3g}]"
    return text
