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


def check_share(name: str, share: float) -> None:
    """Raise ValueError if `share` is not between 0 and 1. The message contains `name`, the name of the setting."""
    if not 0 <= share <= 1:
        raise ValueError(f"{name} is {share:g}: it is a share, use a number between 0 and 1, such as 0.1")
