"""Items: the verdicts on many items, and all claims on one item."""

from typing import Annotated

from pydantic import ConfigDict, Field

from firsthand.core.verdicts import Origin, PolicyName, Verdict
from firsthand.schemas.base import Digest, Moment, Position, Request, Response
from firsthand.schemas.registrations import Evidence

MAX_LOOKUP = 100_000


class LookupQuery(Request):
    """The policy and position of a look-up: query parameters, or fields of the body if the body is JSON."""

    policy: PolicyName = "strict"
    as_of: Position | None = None


class LookupRequest(LookupQuery):
    """The body of a look-up in JSON."""

    # The title in the OpenAPI document must not change.
    model_config = ConfigDict(title="Lookup")

    digests: Annotated[list[Digest], Field(min_length=1, max_length=MAX_LOOKUP)]


class Lookups(Response):
    """Verdicts as columns, in the order of the request: element i of each list is about digest i."""

    position: Position
    policy: PolicyName
    verdicts: list[Verdict]
    #: 0 for human, 1 and higher for model, otherwise null.
    generations: list[int | None]
    lower_bounds: list[bool]
    #: The model, if all model claims are about the same model; otherwise null.
    models: list[str | None]
    #: Whether there are both human and model claims, or a standing dispute, under any policy.
    contested: list[bool]


class Claim(Response):
    """The claim of one registration on an item."""

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
    """The verdict on one item, and all claims on it."""

    digest: Digest
    position: Position
    policy: PolicyName
    verdict: Verdict
    generation: int | None
    lower_bound: bool
    claims: list[Claim]
