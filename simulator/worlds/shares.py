"""Shares of a whole, as whole numbers of items."""

from math import floor


def whole(exact: float) -> int:
    """The nearest whole number, halves up, whatever floating point made of a half: 0.35 · 10 is 3.5, and gives 4."""
    return floor(exact + 0.5 + 1e-9)


def apportion(total: int, weights: tuple[float, ...]) -> tuple[int, ...]:
    """Whole numbers that sum to `total`, by largest remainder, ties to the first; `weights` sum to 1."""
    exact = [total * weight for weight in weights]
    parts = [int(one) for one in exact]
    by_remainder = sorted(range(len(exact)), key=lambda k: (parts[k] - exact[k], k))
    for k in by_remainder[: total - sum(parts)]:
        parts[k] += 1
    return tuple(parts)


def check(share: float) -> None:
    """Raises ValueError for what is no share."""
    if not 0 <= share <= 1:
        raise ValueError(f"a share is between 0 and 1, not {share}")
