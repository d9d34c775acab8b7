"""The estimated cost of selecting a mix, computed from the catalog before anything is read.

The costs were measured: docs/decisions/0063. They are in the units of `service.http.limits.budgets`.
"""

from collections.abc import Sequence
from typing import NamedTuple

from firsthand.schemas.mixes import PartTaken, Recipe
from service.claims.overlaps import count_up_to
from service.claims.view import View
from service.mixes.rules import amounts
from service.mixes.scan import Scan
from service.storage.engine import Database

#: How much of each quantity costs one unit.
_REGISTRATIONS_FILTERED = 20_000
_REGISTRATIONS_READ = 1_000
_ITEMS_READ = 20_000
_ITEMS_SELECTED = 1_000
_ITEMS_REPEATED = 20_000
_ITEMS_JUDGED = 400
#: The maximum number of overlapping items that are counted. Counting more would itself be expensive.
_MOST_OVERLAPS = 2**20


class ScanEstimate(NamedTuple):
    """Upper bounds for the selection of a mix: registered items to read, items to select, and the cost."""

    read: int
    selected: int
    cost: float

    @property
    def description(self) -> str:
        """A sentence with the two numbers of items. It is the start of the error message if a scan is too expensive."""
        return f"This recipe would read {self.read:,} registered items and select up to {self.selected:,}."


def filter_cost(view: View, recipe: Recipe) -> float:
    """Return the cost of finding the registrations that the parts admit. Computing the estimate has this cost too."""
    return len(recipe.parts) * view.catalog.highest / _REGISTRATIONS_FILTERED


def estimate(database: Database, scan: Scan, recipe: Recipe, taken: Sequence[PartTaken] | None = None) -> ScanEstimate:
    """Return the estimate for the scan of a recipe.

    If the mix was selected before, `taken` has its parts, with the number of items that each part selected.
    """
    overlapping = count_up_to(database, _MOST_OVERLAPS)
    read = selected = 0
    cost = 0.0
    for number, (part, amount) in enumerate(zip(recipe.parts, amounts(recipe), strict=True)):
        pool = scan.pool(part)
        items = taken[number].items if taken else _selected(recipe, amount, pool)
        read += pool
        selected += items
        cost += scan.registrations(part) / _REGISTRATIONS_READ + pool / _ITEMS_READ
        cost += scan.judged(part, overlapping) / _ITEMS_JUDGED
        cost += min(items, pool) / _ITEMS_SELECTED + items / _ITEMS_REPEATED
    return ScanEstimate(read, selected, cost)


def _selected(recipe: Recipe, amount: int | None, pool: int) -> int:
    """Return how many items a part selects at most. How many have a given total size is not known before."""
    if amount is None or recipe.unit == "size":
        return pool
    return amount if recipe.shortfall == "repeat" else min(amount, pool)
