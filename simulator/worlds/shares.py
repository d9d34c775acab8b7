"""Conversion of shares to whole numbers of items."""

from math import floor

from firsthand.core.largest_remainder import round_to_sum


def whole(exact: float) -> int:
    """Return the nearest whole number; halves are rounded up.

    Small rounding errors of floating-point numbers do not change the result: 0.35 · 10 gives 4.
    """
    return floor(exact + 0.5 + 1e-9)


def apportion(total: int, weights: tuple[float, ...]) -> tuple[int, ...]:
    """Divide `total` into whole numbers in proportion to `weights`, which sum to 1, by the largest-remainder method.

    If remainders are equal, the earlier number is raised first.
    """
    return tuple(round_to_sum([total * weight for weight in weights], total))
