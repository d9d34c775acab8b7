"""Rounding to a given sum by the largest-remainder method."""

from collections.abc import Sequence
from fractions import Fraction


def round_to_sum(exact: Sequence[Fraction] | Sequence[float], total: int) -> list[int]:
    """Round exact numbers to whole numbers that sum to `total`.

    Each number is rounded down. Then the numbers with the largest remainders are raised by 1 until the sum is reached.
    If remainders are equal, the earlier number is raised first. The sum of `exact` must be `total`, up to rounding.
    """
    parts = [int(number) for number in exact]
    by_remainder = sorted(range(len(parts)), key=lambda index: (parts[index] - exact[index], index))
    for index in by_remainder[: total - sum(parts)]:
        parts[index] += 1
    return parts
