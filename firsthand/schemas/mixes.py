"""Mixes: training sets that are selected by a recipe."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, model_validator

from firsthand.core.names import DatasetName, ModelName
from firsthand.core.selection import exact_share
from firsthand.core.verdicts import PolicyName, Verdict
from firsthand.schemas.base import Digest, Moment, Position, Request, Response
from firsthand.schemas.models import OriginCounts

Unit = Literal["items", "size"]
Shortfall = Literal["refuse", "shrink", "repeat"]
Size = Annotated[int, Field(ge=0, le=2**53 - 1)]

#: The maximum number of items of a mix with the shortfall `repeat`. It limits how often a few items are repeated.
MAX_REPEATED = 100_000_000


class Part(Request):
    """A part of a mix: conditions on items, and the number of items to select.

    An item is a candidate if its verdict and generation pass, and if at least one of its registrations passes all of
    `datasets`, `models`, `collected_before` and `registered_before`. The verdict always uses all claims. A part selects
    only candidates that earlier parts have not selected. The amount is `size`, or `share` as a fraction of the size of
    the recipe. Without both, the part selects all candidates.
    """

    verdict_in: Annotated[list[Verdict], Field(min_length=1, max_length=4)] | None = None
    generation_in: (
        Annotated[list[Annotated[int, Field(ge=0, le=32_000)]], Field(min_length=1, max_length=1000)] | None
    ) = None
    max_generation: Annotated[int, Field(ge=0, le=32_000)] | None = None
    #: Whether an item passes `max_generation` if its generation is only a lower bound.
    lower_bounds: bool = False
    datasets: Annotated[list[DatasetName], Field(min_length=1, max_length=1000)] | None = None
    models: Annotated[list[ModelName], Field(min_length=1, max_length=1000)] | None = None
    #: Only items that were collected before this time. Items without a time do not pass.
    collected_before: Moment | None = None
    #: Only items that were registered before this position.
    registered_before: Position | None = None
    share: Annotated[float, Field(gt=0, le=1)] | None = None
    size: Size | None = None
    weight: Literal["confidence"] | None = None

    @model_validator(mode="after")
    def _one_amount(self) -> "Part":
        if self.share is not None and self.size is not None:
            raise ValueError("a part can have a share of the total or a size, but not both: remove one of them")
        return self


class Recipe(Request):
    """A seed, a position and a list of parts. The same recipe at the same position always gives the same items."""

    seed: Annotated[int, Field(ge=0, le=2**53 - 1)] = 0
    #: The position of the log to use, by default the last one. The answer always contains it.
    as_of: Position | None = None
    policy: PolicyName = "strict"
    #: The total size. The `share` of a part is a share of this size.
    size: Size | None = None
    #: The unit of sizes: items, or the registered `size` of items (bytes, tokens).
    unit: Unit = "items"
    #: What to do if a part has too few candidates: refuse the mix, shrink the part, or repeat items.
    shortfall: Shortfall = "refuse"
    parts: Annotated[list[Part], Field(min_length=1, max_length=64)]

    @model_validator(mode="after")
    def _shares_of_a_total(self) -> "Recipe":
        shares = [exact_share(part.share) for part in self.parts if part.share is not None]
        if shares and self.size is None:
            raise ValueError("a part has a share, so the recipe needs a size: add it")
        if shares and sum(shares) > 1:
            raise ValueError(f"the sum of the shares is {float(sum(shares))}; it must be at most 1")
        if not shares and self.size is not None:
            raise ValueError(
                "the recipe has a size, so at least one part needs a share: add a share, or remove the size"
            )
        if self.unit == "size" and self.shortfall == "repeat":
            raise ValueError("shortfall repeat needs the unit items; with the unit size, use refuse or shrink")
        items = (self.size or 0) + sum(part.size or 0 for part in self.parts)
        if self.shortfall == "repeat" and items > MAX_REPEATED:
            raise ValueError(
                f"with shortfall repeat a mix has at most {MAX_REPEATED:,} items, not {items:,}: use smaller sizes"
            )
        return self


class NewMix(Recipe):
    """A recipe of a mix to create."""

    #: Whether to return only the counts, and store nothing.
    dry_run: bool = False


class PartTaken(Response):
    """A summary of the items that one part selected: their number, size, counts and last item."""

    #: The requested amount; null if the part selects all candidates.
    asked: int | None
    items: int
    size: int | None
    #: The selected item that is last in the order of selection. With the recipe, it defines all selected items.
    last: Digest | None
    counts: OriginCounts


class Mix(Response):
    """A mix: its resolved recipe, its counts and its digest."""

    #: 32 hexadecimal digits of the SHA-256 of the resolved recipe (its RFC 8785 bytes); null for a dry run.
    id: str | None
    position: Position
    recipe: Recipe
    items: int
    #: SHA-256 over the digests of all items, in order.
    digest: Digest
    counts: OriginCounts
    parts: list[PartTaken]
    created_at: datetime | None


class Change(Response):
    """An item of a mix that has another verdict at a later position, or that its part would no longer select."""

    digest: Digest
    #: The index of the part that selected the item, from 0.
    part: int
    verdict: Verdict
    generation: int | None
    verdict_now: Verdict
    generation_now: int | None
    #: Whether the part would still select the item. The recipe holds as long as this is true for all items.
    admitted: bool
