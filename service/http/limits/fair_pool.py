"""Units that organizations share, so that none of them can take all."""

from collections import Counter
from collections.abc import Hashable


class FairPool:
    """A number of units (slots, bytes) of which each holder may take all but a share that is kept for others.

    Idle units may be borrowed: the limit of a holder does not depend on how many holders there are. It is used on the
    event loop alone, so it needs no lock.
    """

    def __init__(self, total: int, kept_for_others: int) -> None:
        self.free = total
        self._most = total - kept_for_others
        self._held: Counter[Hashable] = Counter()

    def take(self, holder: Hashable, units: int, most: int | None = None) -> bool:
        """Take units for a holder, who may have at most `most`; return whether there were enough."""
        if units > self.free or self._held[holder] + units > (self._most if most is None else most):
            return False
        self.free -= units
        self._held[holder] += units
        return True

    def give(self, holder: Hashable, units: int) -> None:
        """Give back units that the holder took."""
        self.free += units
        self._held[holder] -= units
        if not self._held[holder]:
            del self._held[holder]  # otherwise every organization that ever called would stay here
