"""Compute the rows of a named result from its finished runs: one row per condition, metric and round, with theory."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

import numpy as np
from scipy import stats

from simulator import names
from simulator.config import Run, decode
from simulator.metrics.definitions import describe
from simulator.metrics.intervals import ChainSummary, difference, estimate
from simulator.report.tables import milestones
from simulator.reproductions.base import Reproduction
from simulator.reproductions.rows import PlayedRun, ResultRow, ResultTable
from simulator.runs.results import Results


def tabulate(reproduction: Reproduction, played: Sequence[Results], rounds: Sequence[int] = ()) -> ResultTable:
    """Return the table of a named result, computed from its finished runs.

    `rounds` are the numbers of the rounds of the table, by default the human data (0), the first, the middle and the
    last round. Raises ValueError if there is a metric that no run has in these rounds.
    """
    members = [PlayedRun(decode(results.config), results) for results in played]
    name = reproduction.condition or _differing_parts([member.run for member in members])
    groups: dict[str, list[PlayedRun]] = {}
    for member in members:
        groups.setdefault(name(member.run), []).append(member)
    last = min(len(member.results.rows) - 1 for member in members)
    shown = [t for t in (rounds or milestones(last)) if t <= last]
    rows = [
        row
        for metric in reproduction.metrics
        for condition, group in groups.items()
        for t in shown
        if reproduction.covers(group[0].run, t)
        and not math.isnan((row := _compared_row(reproduction, groups, condition, metric, t)).measured)
    ]
    if missing := [metric for metric in reproduction.metrics if all(row.metric != metric for row in rows)]:
        raise ValueError(
            f"no run of {reproduction.name} has the metric {missing[0]} in the rounds {shown}: correct `metrics` or "
            "`rounds` in its definition"
        )
    return ResultTable(reproduction.metrics, groups, rows, reproduction.theory, reproduction.covers)


def row_of(group: Sequence[PlayedRun], condition: str, metric: str, t: int) -> ResultRow:
    """Return the row of a condition for a metric in round t: mean, standard error, 95 % interval and median.

    `group` has the runs of the condition. The row has no value of theory and no difference from the baseline.
    """
    summaries = summaries_by_seed(group, metric, t)
    chains = group[0].run.chains
    (mean, low, high), error = estimate(list(summaries.values()), describe(metric).bounds)
    medians = [member.results.statistic(metric, t, "median") for member in group]
    values = medians if chains > 1 else [summary.mean for summary in summaries.values()] or [math.nan]
    return ResultRow(condition, t, metric, mean, error, low, high, float(np.median(values)), len(summaries), chains)


def summaries_by_seed(group: Sequence[PlayedRun], metric: str, t: int) -> dict[int, ChainSummary]:
    """Return the mean and standard deviation of a metric over the chains of each run in round t, by seed.

    Seeds whose mean is not a number are omitted.
    """
    by_seed = {member.run.seed: member.results.summary(metric, t) for member in group}
    return {seed: summary for seed, summary in by_seed.items() if summary is not None}


def values_by_seed(group: Sequence[PlayedRun], metric: str, t: int) -> dict[int, float]:
    """Return the mean of a metric over the chains of each run in round t, by seed."""
    return {seed: summary.mean for seed, summary in summaries_by_seed(group, metric, t).items()}


def _compared_row(
    reproduction: Reproduction, groups: Mapping[str, Sequence[PlayedRun]], condition: str, metric: str, t: int
) -> ResultRow:
    """Return the row of a condition with its reference and its difference from the baseline."""
    group = groups[condition]
    row = asdict(row_of(group, condition, metric, t))
    theory = {member.run.seed: reproduction.theory(member.run, metric, t) for member in group}
    references = {seed: reference for seed, reference in theory.items() if reference is not None}
    if references:
        values = np.array([reference.value for reference in references.values()])
        row |= {"reference": float(values.mean()), "kind": next(iter(references.values())).kind}
        if np.ptp(values) > 0:  # theory depends on the seed: the standard error is that of the distances from it
            measured = values_by_seed(group, metric, t)
            distances = [measured[seed] - reference.value for seed, reference in references.items()]
            row["standard_error"] = float(stats.sem(distances))
    baseline = groups.get(reproduction.baseline)
    if baseline is not None and condition != reproduction.baseline:
        ours, theirs = (summaries_by_seed(members, metric, t) for members in (group, baseline))
        names_of_fields = ("difference", "difference_low", "difference_high")
        row |= dict(zip(names_of_fields, difference(ours, theirs), strict=True))
    return ResultRow(**row)


def _differing_parts(runs: Sequence[Run]) -> Callable[[Run], str]:
    """Return a function that names a run by those parts of its configuration in which the runs differ."""

    def part_of(run: Run, part: str) -> str:
        value = getattr(run, part)
        return f"n={value}" if part == "n" else names.label(value)

    parts = ("regime", "world", "family", "corpus", "n")
    differing = [part for part in parts if len({part_of(run, part) for run in runs}) > 1] or ["regime"]
    return lambda run: ", ".join(part_of(run, part) for part in differing)
