"""Shares of a whole, as whole numbers of items."""

from math import floor

from firsthand.core.largest_remainder import round_to_sum


def whole(exact: float) -> int:
    """The nearest whole number, halves up, whatever floating point made of a half: 0.35 · 10 is 3.5, and gives 4."""
    return floor(exact + 0.5 + 1e-9)


def apportion(total: int, weights: tuple[float, ...]) -> tuple[int, ...]:
    """Divide `total` into whole numbers by `weights` that sum to 1: the largest remainder, of equal ones the first."""
    return tuple(round_to_sum([total * weight for weight in weights], total))


def check(share: float) -> None:
    """Raises ValueError for what is no share."""
    if not 0 <= share <= 1:
        raise ValueError(f"a share is between 0 and 1, not {share}")
