"""Plan a request about a mix, before its items are selected: read its recipe, and take its cost.

All errors that need no scan are raised here, in a worker thread, before the request waits for a slot.
"""

from dataclasses import dataclass

from firsthand.schemas.mixes import Mix, Recipe
from service.claims.catalog import Catalog
from service.claims.view import View
from service.errors import Unprocessable
from service.http.auth import Caller
from service.http.limits.budgets import LOOKED_UP_ITEMS_PER_UNIT, SENT_ITEMS_PER_UNIT, Spending
from service.mixes import cost, store
from service.mixes.drawn_cache import DrawnCache
from service.mixes.open_mixes import OpenMix, OpenMixes
from service.mixes.scan import Scan
from service.mixes.store import Drawn
from service.settings import Settings
from service.storage.engine import Database


@dataclass(frozen=True)
class PlannedMix:
    """The plan for a new mix. If the same mix is stored already, `stored` is not None, and no items are selected."""

    scan: Scan
    stored: Mix | None
    dry_run: bool


@dataclass(frozen=True)
class PlannedAnswer:
    """The plan for an answer with the items of a stored mix. They are in the cache (`drawn`), or are selected again."""

    mix: Mix
    #: The view of the catalog at the position with which the mix is compared.
    now: View
    scan: Scan
    drawn: Drawn | None

    def items(self, opened: OpenMix, cache: DrawnCache) -> Drawn:
        """Return the items, selected again if they are not in memory. Then they are added to the cache."""
        return opened.items(lambda: self.drawn or self._select(cache))

    def _select(self, cache: DrawnCache) -> Drawn:
        drawn = store.draw(self.scan, self.mix.parts)
        cache.keep(str(self.mix.id), drawn)
        return drawn


def plan_mix(
    database: Database,
    catalog: Catalog,
    recipe: Recipe,
    settings: Settings,
    spending: Spending,
    caller: Caller | None,
    dry_run: bool,
) -> PlannedMix:
    """Return the plan for a recipe, and take its cost.

    `caller` can be None only for a dry run. Raises:

    - Unprocessable if the recipe is too large;
    - StateConflict if the caller's organization has stored its maximum number of mixes;
    - NotPermitted if the cost is too high for a caller without a key;
    - TooManyRequests if the budget is too small for the cost.
    """
    size = len(recipe.model_dump_json())
    if size > settings.max_recipe_bytes:
        raise Unprocessable.at(
            "parts",
            f"the recipe has {size:,} bytes of JSON; at most {settings.max_recipe_bytes:,} are allowed; use fewer "
            "parts, datasets or models",
        )
    with database.reads() as session:
        view = catalog.view(session, recipe.as_of)
        resolved = store.resolved(recipe, view)
        stored = None
        if caller is not None and not dry_run:
            stored = store.find(session, store.mix_id(resolved))
            if stored is None:
                store.check_room(session, caller.issuer, settings.max_mixes)
    scan = Scan(database, view, resolved)
    if stored is None:
        _take_cost(database, view, scan, spending)
    return PlannedMix(scan, stored, dry_run)


def plan_answer(
    database: Database,
    catalog: Catalog,
    cache: DrawnCache,
    open_mixes: OpenMixes,
    spending: Spending,
    id_: str,
    as_of: int | None = None,
) -> PlannedAnswer:
    """Return the plan for the items of a stored mix, and take the cost of selecting them.

    Raises ResourceNotFound if there is no such mix, Unprocessable if `as_of` is before the position of the mix, and
    NotPermitted or TooManyRequests as `plan_mix` does.
    """
    with database.reads() as session:
        mix = store.get(session, id_)
        view, now = catalog.view(session, mix.position), catalog.view(session, as_of)
    if now.position < mix.position:
        raise Unprocessable.at(
            "as_of", f"position {as_of} is before the position of the mix; use {mix.position} or a later position"
        )
    scan, drawn = Scan(database, view, mix.recipe), cache.find(id_) or open_mixes.find(id_)
    if drawn is None:
        _take_cost(database, view, scan, spending, mix)
    return PlannedAnswer(mix, now, scan, drawn)


def take_cost_of_items(planned: PlannedAnswer, spending: Spending) -> None:
    """Take the cost of sending the items of a mix."""
    spending.spend(planned.mix.items / SENT_ITEMS_PER_UNIT)


def take_cost_of_changes(planned: PlannedAnswer, spending: Spending) -> None:
    """Take the cost of looking up each item of a mix again."""
    spending.spend(sum(part.counts.total for part in planned.mix.parts) / LOOKED_UP_ITEMS_PER_UNIT)


def _take_cost(database: Database, view: View, scan: Scan, spending: Spending, mix: Mix | None = None) -> None:
    """Take the cost of a scan in two steps: first that of the estimate, then the estimated cost of the scan."""
    filtering = cost.filter_cost(view, scan.recipe)
    parts, registrations = len(scan.recipe.parts), view.catalog.highest
    spending.check_scan(
        filtering, f"This recipe would filter {registrations:,} registrations for each of {parts} parts."
    )
    spending.spend(filtering)
    estimated = cost.estimate(database, scan, scan.recipe, mix.parts if mix else None)
    spending.check_scan(filtering + estimated.cost, estimated.description)
    spending.spend(estimated.cost)
