"""What families of text ask of tokens."""

from simulator.families.base import Items


def check(items: Items, vocabulary: int) -> None:
    """Raise ValueError where a token is out of the vocabulary."""
    highest = int(items.max(initial=0))
    if highest >= vocabulary:
        raise ValueError(f"the data have tokens up to {highest}: set the family's vocabulary={highest + 1} or more")


def check_one_line(items: Items) -> None:
    """Raise ValueError for several chains."""
    if items.shape[1] != 1:
        raise ValueError(f"a network trains one line at a time: set chains to 1, not {items.shape[1]}")
