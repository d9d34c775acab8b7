"""Mixes: training sets drawn by a recipe."""

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

#: Items that a mix may hold where parts may repeat theirs: nothing else bounds what may be asked of a small pool.
MAX_REPEATED = 100_000_000


class Part(Request):
    """Which items, and how many. Filters choose candidates; the verdict is always over all claims.

    An item is a candidate if one registration that all of `datasets`, `models`, `collected_before` and
    `registered_before` admit claims it, and its verdict and generation pass. A part takes what earlier parts left.
    With neither `share` nor `size` it takes every candidate.
    """

    verdict_in: Annotated[list[Verdict], Field(min_length=1, max_length=4)] | None = None
    generation_in: (
        Annotated[list[Annotated[int, Field(ge=0, le=32_000)]], Field(min_length=1, max_length=1000)] | None
    ) = None
    max_generation: Annotated[int, Field(ge=0, le=32_000)] | None = None
    #: Whether a generation known only from below passes `max_generation`.
    lower_bounds: bool = False
    datasets: Annotated[list[DatasetName], Field(min_length=1, max_length=1000)] | None = None
    models: Annotated[list[ModelName], Field(min_length=1, max_length=1000)] | None = None
    #: Items collected before this moment; those whose registration does not say when are left out.
    collected_before: Moment | None = None
    #: Items registered before this position.
    registered_before: Position | None = None
    share: Annotated[float, Field(gt=0, le=1)] | None = None
    size: Size | None = None
    weight: Literal["confidence"] | None = None

    @model_validator(mode="after")
    def _one_amount(self) -> "Part":
        if self.share is not None and self.size is not None:
            raise ValueError("a part has a share of the total or a size of its own, not both")
        return self


class Recipe(Request):
    """A seed, a position and a list of parts: the same recipe at the same position gives the same items, for ever."""

    seed: Annotated[int, Field(ge=0, le=2**53 - 1)] = 0
    #: The position to read at; the head of the log where none is given. The answer always says which.
    as_of: Position | None = None
    policy: PolicyName = "strict"
    #: The total that shares are shares of.
    size: Size | None = None
    #: What sizes count: items, or the registered `size` of each (bytes, tokens).
    unit: Unit = "items"
    #: When a part finds too little: refuse the mix, take what there is, or repeat items.
    shortfall: Shortfall = "refuse"
    parts: Annotated[list[Part], Field(min_length=1, max_length=64)]

    @model_validator(mode="after")
    def _shares_of_a_total(self) -> "Recipe":
        shares = [exact_share(part.share) for part in self.parts if part.share is not None]
        if shares and self.size is None:
            raise ValueError("parts with a share need the recipe's size")
        if shares and sum(shares) > 1:
            raise ValueError(f"the shares sum to {float(sum(shares))}, more than 1")
        if not shares and self.size is not None:
            raise ValueError("the recipe's size is divided by shares, and no part has one")
        if self.unit == "size" and self.shortfall == "repeat":
            raise ValueError("repeat counts items; with unit size, use refuse or shrink")
        asked = (self.size or 0) + sum(part.size or 0 for part in self.parts)
        if self.shortfall == "repeat" and asked > MAX_REPEATED:
            raise ValueError(f"with repeat a mix has at most {MAX_REPEATED:,} items, and {asked:,} are asked for")
        return self


class NewMix(Recipe):
    #: Answer the counts alone, and keep nothing.
    dry_run: bool = False


class PartTaken(Response):
    """What one part took."""

    asked: int | None
    items: int
    size: int | None
    #: The last item taken in the keyed order: with the recipe, all that is needed to draw the part again.
    last: Digest | None
    counts: OriginCounts


class Mix(Response):
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
    """An item of a mix that is judged otherwise at a later position, or that its part admits no more."""

    digest: Digest
    #: The part that took it, from 0.
    part: int
    verdict: Verdict
    generation: int | None
    verdict_now: Verdict
    generation_now: int | None
    #: Whether the part would still take it. The recipe holds as long as every item is admitted.
    admitted: bool
