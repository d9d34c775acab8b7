"""What the results say: every sentence follows from intervals, or is not written."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from simulator.metrics.definitions import Metric
from simulator.metrics.intervals import Interval
from simulator.report.groups import BASELINE, Group
from simulator.report.numbers import decimals, rounded


@dataclass(frozen=True)
class Difference:
    """A mean difference, paired by seed, with its 95 % interval."""

    interval: Interval

    @property
    def distinct(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.interval.low > 0 or self.interval.high < 0

    def worse(self, metric: Metric) -> bool:
        return self.distinct and self.interval.mean * metric.sign > 0

    def __str__(self) -> str:
        """`23.9 higher (15.7 to 32.1)`."""
        if self.interval.mean >= 0:
            return written(self.interval).replace(" (", " higher (")
        mean, low, high = self.interval
        return written(Interval(-mean, -high, -low)).replace(" (", " lower (")


def written(found: Interval, *, places: int | None = None, sign: bool = False) -> str:
    """`53.9 (52.1 to 55.7)`; the mean alone where nothing is known of the spread."""
    places = decimals(found.low, found.high) if places is None else places
    mean, low, high = (rounded(value, places, sign=sign) for value in found)
    return f"{mean} ({low} to {high})" if math.isfinite(found.low) else mean


@dataclass(frozen=True)
class Story:
    """The groups' last common round, looked at through one metric."""

    groups: Sequence[Group]
    metric: Metric

    @cached_property
    def round(self) -> int:
        return min(group.rounds[-1] for group in self.groups)

    def baseline(self, group: Group) -> Group | None:
        """What a group is compared with: human data alone, under the same settings."""
        alike = (other for other in self.groups if other.regime == BASELINE and other.settings == group.settings)
        return next(alike, None)

    def difference(self, group: Group, other: Group | None = None) -> Difference | None:
        """Group less `other` (its baseline), seed by seed; without a baseline, less its own first round."""
        base = other or self.baseline(group)
        if base is group or (base is None and self.round <= 1):
            return None
        if base is None:
            return Difference(group.less(group, self.metric.name, self.round, other_round=1))
        return Difference(group.less(base, self.metric.name, self.round))

    @cached_property
    def damaged(self) -> list[Group]:
        """The groups that are worse than the baseline beyond chance, the worst first."""
        found = [(group, self.difference(group)) for group in self.groups]
        worse = [(group, d.interval.mean * self.metric.sign) for group, d in found if d and d.worse(self.metric)]
        return [group for group, _ in sorted(worse, key=lambda entry: -entry[1])]

    @cached_property
    def remedy(self) -> Group | None:
        """Of the groups that trained on human data where the worst had none, the one that lost least, if it lost
        less than half as much."""
        if not self.damaged or self.human_share(self.damaged[0]) > 0:
            return None
        worst = self._loss(self.damaged[0])
        held = [group for group in self.groups if group.regime != BASELINE and self.human_share(group) > 0]
        best = min(held, key=self._loss, default=None)
        return best if best and self._loss(best) < worst / 2 and self._apart(best) else None

    def _loss(self, group: Group) -> float:
        found = self.difference(group)
        return found.interval.mean * self.metric.sign if found else 0.0

    def _apart(self, group: Group) -> bool:
        between = self.difference(self.damaged[0], other=group)
        return between is not None and between.worse(self.metric)

    def human_share(self, group: Group) -> float:
        """Share of items known for human in what the last round trained on."""
        counts = group.counts("mix", self.round) or {}
        return counts.get("human", 0) / (sum(counts.values()) or 1)

    @property
    def compared(self) -> str:
        """What differences are from."""
        return "human data alone" if any(self.baseline(group) for group in self.groups) else "round 1"

    @property
    def _measured(self) -> bool:
        """Whether any difference has an interval."""
        found = [self.difference(group) for group in self.groups]
        return any(difference is not None and math.isfinite(difference.interval.low) for difference in found)

    def headline(self) -> str:
        """What one sees and what follows."""
        if not self.damaged and not self._measured:
            return "One run of each says nothing of chance: play more seeds to see whether these regimes differ."
        if not self.damaged:
            return f"After {self.round} rounds no regime here is worse than {self.compared} by more than chance."
        seen = f"Models trained on the output of models {self.metric.loss}"
        if self.remedy is None:
            return f"{seen}; nothing in these runs held it back."
        much = "most of it" if self.remedy in self.damaged else "it"
        return f"{seen}; human data kept in the mix prevents {much}, and that takes knowing which data is human."

    def lead(self) -> str:
        """The headline in numbers; empty where there is nothing to add."""
        if not self.damaged:
            return ""
        worst = self.damaged[0]
        against = "human data alone" if self.baseline(worst) else "in its first round"
        title = self.metric.title[0].lower() + self.metric.title[1:]
        seen = f"After {self.round} rounds, {title} is {self.difference(worst)} under {worst.label} than {against}"
        if self.remedy is not None:
            seen += f"; under {self.remedy.label}, {self.difference(self.remedy)}"
        unit = f", in {self.metric.unit}" if self.metric.unit else ""
        return f"{seen}. Mean differences with 95 % intervals{unit}."
