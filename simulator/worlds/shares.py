"""Shares of a whole, as whole numbers of items."""

from math import floor

from firsthand.core.largest_remainder import round_to_sum


def whole(exact: float) -> int:
    """Return the nearest whole number, halves rounded up, without the error of floating point: 4 for 0.35 · 10."""
    return floor(exact + 0.5 + 1e-9)


def apportion(total: int, weights: tuple[float, ...]) -> tuple[int, ...]:
    """Divide `total` into whole numbers by `weights` that sum to 1: the largest remainder, of equal ones the first."""
    return tuple(round_to_sum([total * weight for weight in weights], total))


def check_share(name: str, share: float) -> None:
    """Raise ValueError, with the name of the setting, if a share is not between 0 and 1."""
    if not 0 <= share <= 1:
        raise ValueError(f"{name} is {share:g}: it is a share, use a number between 0 and 1")
