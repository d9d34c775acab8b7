"""Registrations: statements about the origin of items in a dataset, with the evidence and the time of collection."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from firsthand.core.names import DatasetName, ModelName
from firsthand.core.verdicts import Origin
from firsthand.schemas.base import Digest, Generation, Moment, Position, Request, Response
from firsthand.schemas.problems import Problem

Evidence = Literal["generator", "c2pa", "capture", "declared", "detector"]

#: The maximum number of statements of one batch.
MAX_BATCH = 10_000


class NewRegistration(Request):
    """The statement of a registration. It is sent as query parameters, so that the body contains only items."""

    origin: Origin
    #: The model that made the items: required with the origin `model`, and not allowed with other origins.
    model: ModelName | None = None
    evidence: Evidence = "declared"
    #: When the items were collected or made.
    collected_at: Moment | None = None
    #: The generation of the model. It is optional, because the registry computes it. If it is given, it must be equal
    #: to the computed generation.
    generation: Generation | None = None

    @model_validator(mode="after")
    def _model_with_origin(self) -> "NewRegistration":
        if (self.origin == "model") != (self.model is not None):
            raise ValueError(
                "the origin model needs a model, and other origins must not have one: add the model, or remove it"
            )
        if self.generation is not None and self.origin != "model":
            raise ValueError("a generation can only be given with the origin model: remove it, or use the origin model")
        return self


class Columns(Request):
    """A bulk body in JSON: columns of equal length."""

    digests: Annotated[list[Digest], Field(min_length=1, max_length=1_000_000)]
    #: The size of each item, in bytes or tokens, for mixes with the unit `size`.
    size: list[Annotated[int, Field(ge=0, le=2**32 - 1)]] | None = None
    #: How confident a detector is of the origin of each item, 0 to 255.
    confidence: list[Annotated[int, Field(ge=0, le=255)]] | None = None


class NewStatement(NewRegistration, Columns):
    """One registration of a batch: the statement and its items in one object.

    A batch is `{"statements": [NewStatement, …]}` in JSON, or one NewStatement per line in NDJSON.
    """

    dataset: DatasetName


class Registration(Response):
    """A registration, with its computed values. `id` is its position in the log."""

    id: Position
    organization: str
    dataset: str
    origin: Origin
    model: str | None
    #: The generation of the model (0 for human, null for unstated), and whether it is a lower bound.
    generation: int | None
    lower_bound: bool
    evidence: Evidence
    collected_at: Moment | None
    registered_at: Moment
    items: int
    #: The Merkle root (RFC 6962) of the sorted digests.
    root: Digest
    columns: list[Literal["size", "confidence"]]
    #: The position of the withdrawal of the complete registration; null if there is none.
    withdrawn: Position | None = None
    #: The number of items that were withdrawn individually.
    withdrawn_items: int = 0
    #: The positions of the disputes of this registration that are not withdrawn.
    disputes: list[Position] = []


class Registered(Registration):
    """A registration that was just made, with its number of new items and of items that already had claims."""

    new: int
    known: int


class Outcome(Response):
    """The result of one statement of a batch: `id` if it is registered, or `refused` if nothing was stored."""

    id: Position | None = None
    #: The number of distinct items that had no claims before this batch (`new`), and that had claims (`known`).
    new: int = 0
    known: int = 0
    refused: Problem | None = None


class Outcomes(Response):
    """The results of a batch, one per statement, in the same order."""

    outcomes: list[Outcome]
