"""Numbers as a reader wants them: ticks, decimals that the interval deserves."""

import math

MINUS = "\N{MINUS SIGN}"


def ticks(low: float, high: float, count: int = 5, *, log: bool = False, whole: bool = False) -> list[float]:
    """About `count` round values between `low` and `high`: multiples of 1, 2 or 5 × a power of ten.

    `log` gives powers of ten (`low` must be positive), `whole` keeps to whole numbers.
    """
    if log:
        exponents = range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)
        step = max(1, math.ceil(len(exponents) / count))
        return [10.0**exponent for exponent in exponents[::step]]
    step_ = _step((high - low) / count)
    if whole:
        step_ = max(1.0, round(step_))
    first = math.ceil(low / step_ - 1e-9)
    return [place * step_ for place in range(first, math.floor(high / step_ + 1e-9) + 1)]


def _step(raw: float) -> float:
    power = 10.0 ** math.floor(math.log10(raw)) if raw > 0 else 1.0
    return next(factor * power for factor in (1, 2, 2.5, 5, 10) if raw <= factor * power * (1 + 1e-9))


def compact(value: float) -> str:
    """Four significant digits, no more; thousands apart, a true minus."""
    size = abs(value)
    if size >= 1e7 or 0 < size < 1e-3:
        written = f"{value:.1e}"
    elif size >= 1000:
        written = f"{value:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    else:
        written = f"{value:.4g}"
    return written.replace("-", MINUS)


def decimals(low: float, high: float) -> int:
    """How many decimals the ends of an interval deserve: two significant digits of half its width."""
    half = (high - low) / 2
    return min(4, max(0, 1 - math.floor(math.log10(half)))) if half > 0 else 2


def rounded(value: float, places: int, *, sign: bool = False) -> str:
    """With that many decimals, a true minus, and `+` where a sign is asked for."""
    written = f"{value:+.{places}f}" if sign else f"{value:.{places}f}"
    return written.replace("-", MINUS)
