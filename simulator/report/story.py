"""The sentences of the report. A sentence is written only if the 95 % intervals support it."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from simulator.metrics.definitions import Metric
from simulator.metrics.intervals import Interval
from simulator.report.groups import BASELINE, Group
from simulator.report.numbers import decimals, rounded


@dataclass(frozen=True)
class Difference:
    """The mean difference of a metric between two groups of runs, paired by seed, with its 95 % interval."""

    interval: Interval

    @property
    def distinct(self) -> bool:
        """Whether the 95 % interval of the difference excludes 0."""
        return self.interval.low > 0 or self.interval.high < 0

    def worse(self, metric: Metric) -> bool:
        """Return whether the first group has a worse value of the metric, and the interval excludes 0."""
        return self.distinct and self.interval.mean * metric.sign > 0

    def __str__(self) -> str:
        """Return the difference as text: `23.9 higher (15.7 to 32.1)`."""
        mean, low, high = self.interval
        if mean >= 0:
            return written(self.interval).replace(" (", " higher (")
        return written(Interval(-mean, -high, -low)).replace(" (", " lower (")


def written(value: Interval, *, digits: int | None = None, sign: bool = False) -> str:
    """Return a mean and its interval as text: `53.9 (52.1 to 55.7)`.

    If the ends of the interval are not known, return only the mean. `digits` is the number of decimals, by default as
    many as the interval allows. If `sign` is true, positive numbers get a plus sign.
    """
    digits = decimals(value.low, value.high) if digits is None else digits
    mean, low, high = (rounded(number, digits, sign=sign) for number in value)
    return f"{mean} ({low} to {high})" if value.known else mean


@dataclass(frozen=True)
class Story:
    """The main result of an experiment, in sentences.

    It compares groups of runs by one metric, in the last round that every group has reached. A group has the runs of
    one regime with equal settings.
    """

    groups: Sequence[Group]
    metric: Metric

    @cached_property
    def round(self) -> int:
        """The number of the last round that every group has reached."""
        return min(group.rounds[-1] for group in self.groups)

    def baseline(self, group: Group) -> Group | None:
        """Return the baseline of a group: the group that trained only on human data, with equal settings.

        Return None if there is no such group.
        """
        alike = (other for other in self.groups if other.regime == BASELINE and other.settings == group.settings)
        return next(alike, None)

    def difference(self, group: Group, other: Group | None = None) -> Difference | None:
        """Return the difference of the metric between a group and `other` in the last round.

        Without `other`, the group is compared with its baseline. If it has no baseline, its last round is compared with
        its own round 1. Return None if there is nothing to compare.
        """
        base = other or self.baseline(group)
        if base is group or (base is None and self.round <= 1):
            return None
        if base is None:
            return Difference(group.less(group, self.metric.name, self.round, other_round=1))
        return Difference(group.less(base, self.metric.name, self.round))

    @cached_property
    def damaged(self) -> list[Group]:
        """The groups whose metric is worse than the metric of their baseline. The worst group is the first.

        The interval of the difference must exclude 0. A group without a baseline is compared with its own round 1.
        """
        differences = [(group, self.difference(group)) for group in self.groups]
        worse = [(group, d.interval.mean * self.metric.sign) for group, d in differences if d and d.worse(self.metric)]
        return [group for group, _ in sorted(worse, key=lambda entry: -entry[1])]

    @cached_property
    def remedy(self) -> Group | None:
        """The group whose metric got worse by the smallest difference, among the groups with human data in their mix.

        The baseline does not count. The value is None unless three conditions hold. The worst group has no human data
        in its mix. The difference of the worst group is more than twice as large. The interval of the difference
        between these two groups excludes 0.
        """
        if not self.damaged or self.human_share(self.damaged[0]) > 0:
            return None
        worst = self.damaged[0]
        with_humans = [group for group in self.groups if group.regime != BASELINE and self.human_share(group) > 0]
        best = min(with_humans, key=self._loss, default=None)
        if best is None or self._loss(best) >= self._loss(worst) / 2:
            return None
        between = self.difference(worst, other=best)
        return best if between is not None and between.worse(self.metric) else None

    def _loss(self, group: Group) -> float:
        difference = self.difference(group)
        return difference.interval.mean * self.metric.sign if difference else 0.0

    def human_share(self, group: Group) -> float:
        """Return the share of the items in a group's last training mix that the registry lists as human."""
        counts = group.counts("mix", self.round) or {}
        return counts.get("human", 0) / (sum(counts.values()) or 1)

    @property
    def compared(self) -> str:
        """The name of the data with which groups are compared: `human data alone` or `round 1`."""
        return "human data alone" if any(self.baseline(group) for group in self.groups) else "round 1"

    def headline(self) -> str:
        """Return the main result in one or two sentences."""
        differences = [self.difference(group) for group in self.groups]
        measured = any(difference is not None and difference.interval.known for difference in differences)
        if not self.damaged and not measured:
            return (
                "These runs do not show which differences are due to chance: run more seeds to see whether the regimes "
                "differ."
            )
        if not self.damaged:
            return (
                f"After {self.round} rounds, no regime is shown to be worse than {self.compared}: every 95 % interval "
                "includes 0, or is on the better side."
            )
        collapse = f"Models trained on the output of models {self.metric.loss}"
        if self.remedy is None:
            return f"{collapse}. In these runs, no regime is shown to prevent it."
        effect = "most of it" if self.remedy in self.damaged else "it"
        return f"{collapse}. Human data kept in the training mix prevents {effect}."

    def lead(self) -> str:
        """Return a sentence with the numbers of the headline; empty if no group is worse than its baseline."""
        if not self.damaged:
            return ""
        worst = self.damaged[0]
        against = "with human data alone" if self.baseline(worst) else "in its first round"
        title = self.metric.title[0].lower() + self.metric.title[1:]
        sentence = f"After {self.round} rounds, {title} is {self.difference(worst)} under {worst.label} than {against}"
        if self.remedy is not None:
            sentence += f"; under {self.remedy.label}, it is {self.difference(self.remedy)}"
        unit = f", in {self.metric.unit}" if self.metric.unit else ""
        return f"{sentence}. These are mean differences with 95 % intervals{unit}."
