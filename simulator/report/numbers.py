"""Numbers as text: the values on an axis, and means with as many decimals as their interval allows."""

import math

MINUS = "\N{MINUS SIGN}"


def ticks(low: float, high: float, count: int = 5, *, log: bool = False, whole: bool = False) -> list[float]:
    """Return about `count` round values between `low` and `high`, for the labels of an axis.

    The distance between them is 1, 2, 2.5 or 5 times a power of ten. If `log` is true, the values are powers of ten,
    and `low` must be positive. If `whole` is true, the values are whole numbers.
    """
    if log:
        exponents = range(math.ceil(math.log10(low)), math.floor(math.log10(high)) + 1)
        step = max(1, math.ceil(len(exponents) / count))
        return [10.0**exponent for exponent in exponents[::step]]
    step_ = _step((high - low) / count)
    if whole:
        step_ = max(1.0, round(step_))
    first = math.ceil(low / step_ - 1e-9)
    return [multiple * step_ for multiple in range(first, math.floor(high / step_ + 1e-9) + 1)]


def _step(raw: float) -> float:
    power = 10.0 ** math.floor(math.log10(raw)) if raw > 0 else 1.0
    return next(factor * power for factor in (1, 2, 2.5, 5, 10) if raw <= factor * power * (1 + 1e-9))


def compact(value: float) -> str:
    """Return a number as short text with about four significant digits.

    It has narrow spaces between thousands, and a minus sign instead of a hyphen.
    """
    size = abs(value)
    if size >= 1e7 or 0 < size < 1e-3:
        written = f"{value:.1e}"
    elif size >= 1000:
        written = f"{value:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    else:
        written = f"{value:.4g}"
    return written.replace("-", MINUS)


def decimals(low: float, high: float) -> int:
    """Return the number of decimals that a mean should have, if its interval is from `low` to `high`: at most 4.

    With this number of decimals, half the width of the interval has two significant digits.
    """
    half = (high - low) / 2
    return min(4, max(0, 1 - math.floor(math.log10(half)))) if half > 0 else 2


def rounded(value: float, digits: int, *, sign: bool = False) -> str:
    """Return a number as text with `digits` decimals. If `sign` is true, a positive number gets a plus sign."""
    written = f"{value:+.{digits}f}" if sign else f"{value:.{digits}f}"
    return written.replace("-", MINUS)


def distances(below: float, above: float, form: str) -> str:
    """Return the distances from a mean to the two ends of its interval as text: `± 1.8`, or `−0.13 +0.05`.

    `form` is the format of a number, such as `.2g`. If the larger distance is at most 1.25 times the smaller distance,
    the text has only the larger one, after `±`.
    """
    if max(below, above) <= 1.25 * min(below, above):
        return f"± {max(below, above):{form}}"
    return f"{MINUS}{below:{form}} +{above:{form}}"
