"""Items: the verdict on each, and all that is known of one."""

from typing import Annotated

from pydantic import Field

from firsthand.core.verdicts import Origin, PolicyName, Verdict
from firsthand.schemas.base import Digest, Moment, Position, Request, Response
from firsthand.schemas.registrations import Evidence

MAX_LOOKUP = 100_000


class Question(Request):
    """How to judge; query parameters of a raw look-up, fields of a JSON one."""

    policy: PolicyName = "strict"
    as_of: Position | None = None


class Lookup(Question):
    digests: Annotated[list[Digest], Field(min_length=1, max_length=MAX_LOOKUP)]


class Lookups(Response):
    """Verdicts in the order asked, as columns: element i of each is on digest i."""

    position: Position
    policy: PolicyName
    verdicts: list[Verdict]
    #: 0 human, 1 and up model, null where there is none to tell.
    generations: list[int | None]
    lower_bounds: list[bool]
    #: The model, where all model claims name the same one; null else.
    models: list[str | None]
    #: Whether claims contradict each other, human and model, or a dispute stands: whatever the policy makes of it.
    contested: list[bool]


class Claim(Response):
    """One registration's claim on an item."""

    registration: Position
    organization: str
    dataset: str
    origin: Origin
    model: str | None
    generation: int | None
    lower_bound: bool
    evidence: Evidence
    collected_at: Moment | None
    registered_at: Moment
    withdrawn: Position | None
    disputes: list[Position]


class Item(Response):
    """All that is known of one item."""

    digest: Digest
    position: Position
    policy: PolicyName
    verdict: Verdict
    generation: int | None
    lower_bound: bool
    claims: list[Claim]
