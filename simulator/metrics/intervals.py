"""The one rule for 95 % intervals. The page, the tables and the figures all use it.

1. The values are the seeds' means. Below 20 seeds the interval is Student's t. From 20 on it is the bias-corrected
   accelerated bootstrap (Efron 1987), because then it covers better, and skewed values have skewed ends.
2. With fewer than 10 seeds of 20 or more independent chains each, the spread between chains is pooled in its place:
   Student's t with seeds × chains − 1 degrees of freedom. Chains share the items that a mix draws, so from 10 seeds on
   the spread between seeds, which includes that chance, is used.
3. The interval stays in the metric's bounds. For a share (both bounds) Student's interval is computed on the logit
   scale by the delta method, around the arithmetic mean. For a metric with one bound the end is cut off there: on a log
   scale the upper end of two or three seeds would have no use.
4. A difference is paired by seed. One seed of many chains on both sides is compared unpaired (Welch 1947).
5. One seed of few chains has no interval: both ends are nan.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from simulator.randomness import generator

Values = npt.NDArray[np.float64]

#: From this many values on, a bootstrap; below, Student's t (a percentile bootstrap over 3 seeds covers 75 %, not 95).
ENOUGH_TO_RESAMPLE = 20
RESAMPLES = 9_999
#: Fewer seeds than the first, of at least as many chains as the second, are judged by the spread between chains.
MANY_SEEDS, MANY_CHAINS = 10, 20
CONFIDENCE = 0.95


class Interval(NamedTuple):
    """A mean and the ends of its 95 % interval; the ends are nan if the spread is not known."""

    mean: float
    low: float
    high: float

    @property
    def known(self) -> bool:
        """Whether the interval has ends."""
        return math.isfinite(self.low) and math.isfinite(self.high)

    @property
    def symmetric(self) -> bool:
        """Whether both ends are equally far from the mean, up to rounding."""
        below, above = self.mean - self.low, self.high - self.mean
        return math.isclose(below, above, rel_tol=1e-6, abs_tol=1e-12)

    def __str__(self) -> str:
        return f"{self.mean:.4g} [{self.low:.4g}, {self.high:.4g}]" if self.known else f"{self.mean:.4g}"


class Bounds(NamedTuple):
    """The least and the largest value that a metric can have."""

    low: float = -math.inf
    high: float = math.inf


UNBOUNDED = Bounds()
SHARE = Bounds(0.0, 1.0)
NOT_NEGATIVE = Bounds(0.0)


class ChainSummary(NamedTuple):
    """A metric of one seed in one round: mean and standard deviation (n − 1) over its independent chains."""

    mean: float
    sd: float
    """nan for one chain, and for a metric that all chains share"""
    chains: int


class Estimate(NamedTuple):
    """A mean over seeds, its interval, and its standard error (nan if the spread is not known)."""

    interval: Interval
    standard_error: float


def by_chains(seeds: int, chains: int) -> bool:
    """Return whether the spread between chains is used (rule 2)."""
    return 0 < seeds < MANY_SEEDS and chains >= MANY_CHAINS


def estimate(seeds: Sequence[ChainSummary], bounds: Bounds = UNBOUNDED) -> Estimate:
    """Return the mean over seeds with its 95 % interval and standard error. No seeds: all nan."""
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
    """Return the mean of independent values, one per seed, with its 95 % interval (rules 1 and 3). No values: all nan.

    The bootstrap has a fixed stream, so the same values give the same interval.
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
    """Return the interval of the differences ours − theirs over the seeds that both have; values by seed."""
    return interval([ours[seed] - theirs[seed] for seed in sorted(ours.keys() & theirs.keys())])


def difference(ours: Mapping[int, ChainSummary], theirs: Mapping[int, ChainSummary]) -> Interval:
    """Return the interval of the mean difference ours − theirs (rule 4); summaries by seed."""
    if len(ours) == len(theirs) == 1:
        (mine,), (other,) = ours.values(), theirs.values()
        if min(mine.chains, other.chains) >= MANY_CHAINS and not math.isnan(mine.sd + other.sd):
            return _welch(mine, other)
    return paired(_means(ours), _means(theirs))


def _means(seeds: Mapping[int, ChainSummary]) -> dict[int, float]:
    return {seed: summary.mean for seed, summary in seeds.items()}


def _student(mean: float, error: float, freedom: int, bounds: Bounds) -> Interval:
    """Return Student's interval; for a share strictly inside (0, 1) on the logit scale, within its bounds."""
    half = float(stats.t.ppf(0.5 + CONFIDENCE / 2, freedom)) * error
    if bounds == SHARE and 0 < mean < 1:
        centre, reach = math.log(mean / (1 - mean)), half / (mean * (1 - mean))
        return Interval(mean, _share(centre - reach), _share(centre + reach))
    return _within(Interval(mean, mean - half, mean + half), bounds)


def _share(logit: float) -> float:
    return float(1 / (1 + np.exp(-np.clip(logit, -700, 700))))


def _within(ends: Interval, bounds: Bounds) -> Interval:
    """Cut the ends off at the bounds, but never past the mean: a mean of sampled values can lie outside by rounding."""
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
