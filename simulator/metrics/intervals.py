"""The rules for 95 % confidence intervals. The report page, the tables and the figures all use them.

1. The values are the means of the seeds. With fewer than 20 seeds, the interval is Student's t interval. With 20 or
   more, it is the interval of the bias-corrected accelerated bootstrap (Efron 1987), because its coverage is better
   then, and its ends can be asymmetric for skewed values.
2. Exception: with fewer than 10 seeds of 20 or more independent chains each, the spread between chains is pooled:
   Student's t with seeds × chains − 1 degrees of freedom. All chains of a seed train on the same selection of items, so
   this spread does not include the chance of the selection. The spread between seeds includes it, and is used from 10
   seeds on.
3. The interval stays within the metric's bounds. For a share (two bounds), Student's interval is computed on the logit
   scale by the delta method, around the arithmetic mean. For a metric with one bound, the interval is cut off at the
   bound: on a log scale, the upper end for two or three seeds would be too large to be useful.
4. A difference is paired by seed. If both sides have one seed with many chains, they are compared unpaired (Welch
   1947).
5. One seed with few chains has no interval: both ends are nan.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from simulator.randomness import generator

Values = npt.NDArray[np.float64]

#: The number of values from which the bootstrap is used. With fewer, Student's t: a percentile bootstrap over 3 seeds
#: covers only 75 % instead of 95 %.
ENOUGH_TO_RESAMPLE = 20
RESAMPLES = 9_999
#: Rule 2: the spread between chains is used for fewer than MANY_SEEDS seeds with at least MANY_CHAINS chains each.
MANY_SEEDS, MANY_CHAINS = 10, 20
CONFIDENCE = 0.95


class Interval(NamedTuple):
    """A mean and the two ends of its 95 % interval. The ends are nan if the spread of the values is not known."""

    mean: float
    low: float
    high: float

    @property
    def known(self) -> bool:
        """Whether the ends of the interval are known, that is, not nan."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    @property
    def symmetric(self) -> bool:
        """Whether both ends have the same distance from the mean, except for rounding."""
        below, above = self.mean - self.low, self.high - self.mean
        return math.isclose(below, above, rel_tol=1e-6, abs_tol=1e-12)

    def __str__(self) -> str:
        return f"{self.mean:.4g} [{self.low:.4g}, {self.high:.4g}]" if self.known else f"{self.mean:.4g}"


class Bounds(NamedTuple):
    """The smallest and the largest value that a metric can have."""

    low: float = -math.inf
    high: float = math.inf


UNBOUNDED = Bounds()
SHARE = Bounds(0.0, 1.0)
NOT_NEGATIVE = Bounds(0.0)


class ChainSummary(NamedTuple):
    """The mean and the standard deviation (divisor n − 1) of a metric over the chains of one seed in one round."""

    mean: float
    sd: float
    """standard deviation; nan for one chain, and for a metric that has one value for all chains"""
    chains: int


class Estimate(NamedTuple):
    """A mean over seeds with its 95 % interval and its standard error.

    The standard error is nan if the spread of the values is not known.
    """

    interval: Interval
    standard_error: float


def by_chains(seeds: int, chains: int) -> bool:
    """Return whether the interval uses the spread between chains instead of the spread between seeds (rule 2)."""
    return 0 < seeds < MANY_SEEDS and chains >= MANY_CHAINS


def estimate(seeds: Sequence[ChainSummary], bounds: Bounds = UNBOUNDED) -> Estimate:
    """Return the mean over seeds, with its 95 % interval and standard error (rules 1 to 3 of this module).

    `seeds` has one summary per seed. If it is empty, all numbers are nan.
    """
    means = np.array([seed.mean for seed in seeds], dtype=np.float64)
    spread = np.array([seed.sd for seed in seeds], dtype=np.float64)
    chains = min((seed.chains for seed in seeds), default=0)
    if by_chains(len(seeds), chains) and not np.isnan(spread).any():
        mean, n = float(means.mean()), len(seeds) * chains
        error = float(np.sqrt(np.mean(spread**2) / n))
        return Estimate(_student(mean, error, n - 1, bounds), error)
    error = float(stats.sem(means)) if len(means) > 1 else math.nan
    return Estimate(interval(means.tolist(), bounds), error)


def interval(values: Sequence[float], bounds: Bounds = UNBOUNDED) -> Interval:
    """Return the mean of independent values, one per seed, with its 95 % interval (rules 1 and 3 of this module).

    Without values, all three numbers are nan. The bootstrap uses fixed random numbers, so the same values always give
    the same interval.
    """
    array = np.asarray(values, dtype=np.float64)
    if len(array) == 0:
        return Interval(np.nan, np.nan, np.nan)
    mean = float(array.mean())
    if len(array) == 1:
        return Interval(mean, np.nan, np.nan)
    if np.ptp(array) == 0:
        return Interval(mean, mean, mean)
    if len(array) < ENOUGH_TO_RESAMPLE:
        return _student(mean, float(stats.sem(array)), len(array) - 1, bounds)
    return _within(Interval(mean, *_bootstrap(array)), bounds)


def paired(ours: Mapping[int, float], theirs: Mapping[int, float]) -> Interval:
    """Return the mean difference `ours` − `theirs`, paired by seed, with its 95 % interval.

    Both arguments map a seed to its value. Only seeds that both have are used.
    """
    return interval([ours[seed] - theirs[seed] for seed in sorted(ours.keys() & theirs.keys())])


def difference(ours: Mapping[int, ChainSummary], theirs: Mapping[int, ChainSummary]) -> Interval:
    """Return the mean difference `ours` − `theirs`, paired by seed, with its 95 % interval (rule 4 of this module).

    Both arguments map a seed to the summary of its chains.
    """
    if len(ours) == len(theirs) == 1:
        (mine,), (other,) = ours.values(), theirs.values()
        if min(mine.chains, other.chains) >= MANY_CHAINS and not math.isnan(mine.sd + other.sd):
            return _welch(mine, other)
    return paired(_means(ours), _means(theirs))


def _means(seeds: Mapping[int, ChainSummary]) -> dict[int, float]:
    return {seed: summary.mean for seed, summary in seeds.items()}


def _student(mean: float, error: float, freedom: int, bounds: Bounds) -> Interval:
    """Return Student's interval within the bounds. For a share between 0 and 1, compute it on the logit scale."""
    half = float(stats.t.ppf(0.5 + CONFIDENCE / 2, freedom)) * error
    if bounds == SHARE and 0 < mean < 1:
        centre, reach = math.log(mean / (1 - mean)), half / (mean * (1 - mean))
        return Interval(mean, _share(centre - reach), _share(centre + reach))
    return _within(Interval(mean, mean - half, mean + half), bounds)


def _share(logit: float) -> float:
    return float(1 / (1 + np.exp(-np.clip(logit, -700, 700))))


def _within(ends: Interval, bounds: Bounds) -> Interval:
    """Cut the ends off at the bounds, but keep the mean inside: by rounding, a mean can lie outside the bounds."""
    low, high = max(ends.low, min(bounds.low, ends.mean)), min(ends.high, max(bounds.high, ends.mean))
    return Interval(ends.mean, low, high)


def _welch(ours: ChainSummary, theirs: ChainSummary) -> Interval:
    mean = ours.mean - theirs.mean
    parts = [(summary.sd**2 / summary.chains, summary.chains - 1) for summary in (ours, theirs)]
    variance = sum(part for part, _ in parts)
    if variance == 0:
        return Interval(mean, mean, mean)
    freedom = variance**2 / sum(part**2 / degrees for part, degrees in parts)
    half = float(stats.t.ppf(0.5 + CONFIDENCE / 2, freedom)) * math.sqrt(variance)
    return Interval(mean, mean - half, mean + half)


def _bootstrap(values: Values) -> tuple[float, float]:
    resampled = stats.bootstrap(
        (values,), np.mean, confidence_level=CONFIDENCE, n_resamples=RESAMPLES, rng=generator(0, "bootstrap")
    )
    return float(resampled.confidence_interval.low), float(resampled.confidence_interval.high)
