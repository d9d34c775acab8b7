"""Registrations: these items, in this dataset, have this origin, on this evidence, collected at this time."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from firsthand.core.names import DatasetName, ModelName
from firsthand.core.verdicts import Origin
from firsthand.schemas.base import Digest, Generation, Moment, Position, Request, Response
from firsthand.schemas.problems import Problem

Evidence = Literal["generator", "c2pa", "capture", "declared", "detector"]

#: Statements of one batch at most.
MAX_BATCH = 10_000


class NewRegistration(Request):
    """What a registration says; sent as query parameters, so that the body of every format is items alone."""

    origin: Origin
    #: Whose output the items are: goes with origin `model`, and only with it.
    model: ModelName | None = None
    evidence: Evidence = "declared"
    #: When the items were collected or made; the first mover's archive is the one that can say so.
    collected_at: Moment | None = None
    #: Not needed: the registry computes it. A typed one that contradicts is refused.
    generation: Generation | None = None

    @model_validator(mode="after")
    def _model_with_origin(self) -> "NewRegistration":
        if (self.origin == "model") != (self.model is not None):
            raise ValueError("origin model goes with a model's name, and only with it")
        if self.generation is not None and self.origin != "model":
            raise ValueError("only a model's output has a generation to state")
        return self


class Columns(Request):
    """A bulk body in JSON: columns of equal length."""

    digests: Annotated[list[Digest], Field(min_length=1, max_length=1_000_000)]
    #: Bytes or tokens of each item, for budgets.
    size: list[Annotated[int, Field(ge=0, le=2**32 - 1)]] | None = None
    #: A detector's confidence in the origin it states, 0 to 255.
    confidence: list[Annotated[int, Field(ge=0, le=255)]] | None = None


class NewStatement(NewRegistration, Columns):
    """One registration of a batch: all that is said, and the items of which it is said, in one object.

    A batch is `{"statements": [NewStatement, …]}` in JSON; in NDJSON each is a line.
    """

    dataset: DatasetName


class Registration(Response):
    """The statement at `id`, which is its position in the log, with what is computed beside it."""

    id: Position
    organization: str
    dataset: str
    origin: Origin
    model: str | None
    #: The model's generation (0 for human, null for unstated), and whether it is only a lower bound.
    generation: int | None
    lower_bound: bool
    evidence: Evidence
    collected_at: Moment | None
    registered_at: Moment
    items: int
    #: RFC 6962 root over the sorted digests.
    root: Digest
    columns: list[Literal["size", "confidence"]]
    #: The position of the withdrawal that took it back whole.
    withdrawn: Position | None = None
    #: Items that were taken back by name.
    withdrawn_items: int = 0
    #: Positions of the disputes that stand against it.
    disputes: list[Position] = []


class Registered(Registration):
    """The answer to a registration: what was new and what some claim had named before."""

    new: int
    known: int


class Outcome(Response):
    """What became of one statement of a batch: registered at `id`, or `refused`, and nothing of it stored."""

    id: Position | None = None
    #: Items, each counted once: those that no claim had named before, and those that one had.
    new: int = 0
    known: int = 0
    refused: Problem | None = None


class Outcomes(Response):
    """The answers to a batch, one a statement, in the order in which they were sent."""

    outcomes: list[Outcome]
