"""The numbers of a reproduction: a row a condition, metric and round, over seeds and chains, beside the theory."""

import csv
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields

import numpy as np
from scipy import stats

from simulator import names
from simulator.config import Run, decode
from simulator.report.tables import milestones
from simulator.reproductions.base import Kind, Reproduction
from simulator.runs.results import Results, interval, paired

#: From so many seeds on, the spread between seeds says how sure a mean is; below, that between chains where there are
#: so many. Chains share the items that a mix draws at random, so it alone knows nothing of the chance in those draws.
_MANY_SEEDS, _MANY_CHAINS = 10, 20
_LEVEL = 0.99


@dataclass(frozen=True)
class Row:
    """A metric of a condition in a round; nan is not known."""

    condition: str
    round: int
    metric: str
    measured: float
    standard_error: float
    low: float
    high: float
    median: float
    seeds: int
    chains: int
    reference: float = math.nan
    kind: Kind | str = ""
    difference: float = math.nan
    difference_low: float = math.nan
    difference_high: float = math.nan

    @property
    def z(self) -> float:
        """Standard errors from the reference."""
        return (self.measured - self.reference) / self.standard_error

    @property
    def chance(self) -> float:
        """How often chance alone goes as far from an exact reference, to either side."""
        freedom = math.inf if _by_chains(self.seeds, self.chains) else self.seeds - 1
        return float(2 * stats.t.sf(abs(self.z), freedom))


@dataclass(frozen=True)
class Member:
    """A run and what it wrote."""

    run: Run
    results: Results


@dataclass(frozen=True)
class Table:
    """All rows, and the runs by condition that they were made of."""

    reproduction: Reproduction
    groups: Mapping[str, Sequence[Member]]
    rows: Sequence[Row]

    def of(self, metric: str, condition: str | None = None) -> list[Row]:
        """The rows of a metric, in the order of conditions and rounds."""
        return [row for row in self.rows if row.metric == metric and condition in (None, row.condition)]


def tabulate(reproduction: Reproduction, played: Sequence[Results], rounds: Sequence[int] = ()) -> Table:
    """The table of finished runs; of the rounds given, or of milestones."""
    members = [Member(decode(results.config), results) for results in played]
    groups = _grouped(reproduction, members)
    last = min(len(member.results.rows) - 1 for member in members)
    told = [t for t in (rounds or milestones(last)) if t <= last]
    against = groups.get(reproduction.baseline)
    found = [
        _row(reproduction, condition, group, metric, t, None if condition == reproduction.baseline else against)
        for metric in reproduction.metrics
        for condition, group in groups.items()
        for t in told
        if reproduction.tells(group[0].run, t)
    ]
    rows = [row for row in found if not math.isnan(row.measured)]
    if missing := [metric for metric in reproduction.metrics if all(row.metric != metric for row in rows)]:
        raise ValueError(f"no run of {reproduction.name} has the metric {missing[0]} in the rounds told")
    return Table(reproduction, groups, rows)


def row_of(group: Sequence[Member], condition: str, metric: str, t: int) -> Row:
    """Mean, standard error, 95 % interval and median. Providers of one pool are no independent lines: C counts once.

    Of many chains and few seeds the interval is Student's, of the pooled spread between chains; else Student's or a
    bootstrap's, over seeds.
    """
    seeds = values_by_seed(group, metric, t)
    chains = group[0].run.chains
    mean, low, high = interval(list(seeds.values()))
    medians = [member.results.series(metric, "median")[t] for member in group]
    median = float(np.median(medians)) if chains > 1 else float(np.median(list(seeds.values()) or [math.nan]))
    error = stats.sem(list(seeds.values())) if len(seeds) > 1 else math.nan
    spread = np.array([member.results.series(metric, "sd")[t] for member in group])
    if _by_chains(len(seeds), chains) and not np.isnan(spread).any():  # some metrics have one value for all chains
        error = float(np.sqrt(np.mean(spread**2) / (len(group) * chains)))
        half = float(stats.t.ppf(0.975, len(group) * chains - 1)) * error
        low, high = mean - half, mean + half
    return Row(condition, t, metric, mean, float(error), low, high, median, len(seeds), chains)


def _by_chains(seeds: int, chains: int) -> bool:
    return 0 < seeds < _MANY_SEEDS and chains >= _MANY_CHAINS


def values_by_seed(group: Sequence[Member], metric: str, t: int) -> dict[int, float]:
    """A metric's mean over chains in a round, by seed."""
    found = {member.results.seed: float(member.results.series(metric)[t]) for member in group}
    return {seed: value for seed, value in found.items() if not math.isnan(value)}


def _row(
    reproduction: Reproduction,
    condition: str,
    group: Sequence[Member],
    metric: str,
    t: int,
    against: Sequence[Member] | None,
) -> Row:
    told = asdict(row_of(group, condition, metric, t))
    theory = {member.run.seed: reproduction.theory(member.run, metric, t) for member in group}
    references = {seed: found for seed, found in theory.items() if found is not None}
    if references:
        values = np.array([each.value for each in references.values()])
        told |= {"reference": float(values.mean()), "kind": next(iter(references.values())).kind}
        if np.ptp(values) > 0:  # where theory depends on the seed, chance is in what differs from it alone
            measured = values_by_seed(group, metric, t)
            told["standard_error"] = float(stats.sem([measured[s] - each.value for s, each in references.items()]))
    if against is not None:
        names = ("difference", "difference_low", "difference_high")
        difference = paired(values_by_seed(group, metric, t), values_by_seed(against, metric, t))
        told |= dict(zip(names, difference, strict=True))
    return Row(**told)


def _grouped(reproduction: Reproduction, members: Sequence[Member]) -> dict[str, list[Member]]:
    """Runs of one condition together, in the order in which conditions first appear."""
    name = reproduction.condition or _differing([member.run for member in members])
    groups: dict[str, list[Member]] = {}
    for member in members:
        groups.setdefault(name(member.run), []).append(member)
    return groups


def _differing(runs: Sequence[Run]) -> "_Named":
    parts = {part: {_part(run, part) for run in runs} for part in _PARTS}
    return _Named(tuple(part for part in _PARTS if len(parts[part]) > 1) or ("regime",))


_PARTS = ("regime", "world", "family", "corpus", "n")


def _part(run: Run, part: str) -> str:
    value = getattr(run, part)
    return f"n={value}" if part == "n" else names.label(value)


@dataclass(frozen=True)
class _Named:
    """Names a run by the parts of it that differ."""

    parts: tuple[str, ...]

    def __call__(self, run: Run) -> str:
        return ", ".join(_part(run, part) for part in self.parts)


def verdicts(rows: Sequence[Row]) -> list[str]:
    """In words, how the rows with a reference agree with it: exact ones jointly at 99 %, bounds one-sided.

    Rows of equal numbers count once: in round 1 many conditions are one and the same model.
    """
    said, rows = [], _distinct(rows)
    told = [row for row in rows if row.kind == "exact"]
    exact = [row for row in told if row.standard_error > 0]
    if len(exact) < len(told):
        said.append(f"{len(told) - len(exact)} exact rows have no standard error, and were judged by nobody")
    if exact:
        worst = min(exact, key=lambda row: row.chance)
        chance = min(1.0, len(exact) * worst.chance)
        widest = max(row.standard_error / abs(row.reference) for row in exact if row.reference)
        agrees = "agree" if chance >= 1 - _LEVEL else "DISAGREE"
        said.append(
            f"{len(exact)} exact rows {agrees} jointly at 99 %: the farthest is {worst.z:+.2f} standard errors away "
            f"({worst.condition}, {worst.metric}, round {worst.round}), which chance does to one of so many in at most "
            f"{100 * chance:.1f} % of cases; largest standard error {100 * widest:.1f} % of its reference"
        )
    stated = [row for row in rows if row.kind == "bound"]
    bounds = [row for row in stated if row.standard_error > 0 or row.measured >= row.reference]
    if len(bounds) < len(stated):
        said.append(f"{len(stated) - len(bounds)} rows below a bound have no standard error, and were judged by nobody")
    if bounds:
        limit = float(stats.norm.ppf(1 - (1 - _LEVEL) / len(bounds)))
        below = [
            row
            for row in bounds
            if row.measured < row.reference and row.measured < row.reference - limit * row.standard_error
        ]
        said.append(f"{len(bounds)} bounds {'hold' if not below else f'DO NOT HOLD in {len(below)} rows'}, one-sided")
    near = [row for row in rows if row.kind == "first-order" and row.reference]
    if near:
        away = max(abs(row.measured / row.reference - 1) for row in near)
        said.append(f"{len(near)} rows beside a first-order reference: {100 * away:.1f} % away at most")
    return said


def _distinct(rows: Sequence[Row]) -> list[Row]:
    """The first of the rows of one measurement; its last digits depend on the order in which items were drawn."""
    first: dict[tuple[object, ...], Row] = {}
    for row in rows:
        numbers = (f"{value:.9g}" for value in (row.measured, row.standard_error, row.reference))
        first.setdefault((row.metric, row.round, row.kind, *numbers), row)
    return list(first.values())


def as_csv(rows: Sequence[Row]) -> str:
    out = io.StringIO()
    names = [field.name for field in fields(Row)]
    writer = csv.DictWriter(out, names, lineterminator="\n")
    writer.writeheader()
    for row in rows:
        told = asdict(row)
        writer.writerow({name: "" if told[name] != told[name] else told[name] for name in names})
    return out.getvalue()


def as_markdown(table: Table) -> str:
    """Metric by metric: a line a condition, a column a round."""
    blocks = []
    for metric in table.reproduction.metrics:
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


def _cell(row: Row) -> str:
    half = (row.high - row.low) / 2
    text = f"{row.measured:.4g}" if math.isnan(half) else f"{row.measured:.4g} ± {half:.2g}"
    if row.chains > 1 and row.median and not 0.5 < row.measured / row.median < 2:
        text += f", median {row.median:.4g}"
    if not math.isnan(row.reference):
        text += f" ({row.kind} {row.reference:.4g})"
    if not math.isnan(row.difference_low):
        text += f"; Δ {row.difference:+.3g} [{row.difference_low:.3g}, {row.difference_high:.3g}]"
    return text
