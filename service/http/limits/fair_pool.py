"""A pool of units that organizations share. No organization can take all units."""

from collections import Counter
from collections.abc import Hashable


class FairPool:
    """A number of units (slots, bytes).

    Each holder can take all of them except a part that is kept for other holders.

    The limit of a holder does not depend on the number of holders, so a single holder can use units that are idle. The
    pool is used only on the event loop, so it needs no lock.
    """

    def __init__(self, total: int, kept_for_others: int) -> None:
        self.free = total
        self._most = total - kept_for_others
        self._held: Counter[Hashable] = Counter()

    def take(self, holder: Hashable, units: int, most: int | None = None) -> bool:
        """Take units for a holder. Return False, and take nothing, if there are too few.

        The holder can have at most `most` units; by default, all except the part that is kept for others.
        """
        if units > self.free or self._held[holder] + units > (self._most if most is None else most):
            return False
        self.free -= units
        self._held[holder] += units
        return True

    def give(self, holder: Hashable, units: int) -> None:
        """Return units that the holder has taken to the pool."""
        self.free += units
        self._held[holder] -= units
        if not self._held[holder]:
            del self._held[holder]  # otherwise the table would grow with every new organization
