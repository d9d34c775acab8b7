"""Statistics: counts of standing claims by origin, generation, dataset and organization, at several positions."""

from firsthand.schemas.base import Position, Response


class Statistics(Response):
    """Counts of standing claims at a position. An item with two claims is counted twice."""

    position: Position
    claims: int
    registrations: int
    by_origin: dict[str, int]
    by_generation: dict[str, int]
    by_dataset: dict[str, int]
    by_organization: dict[str, int]


class History(Response):
    """The counts at the requested position (`now`), and at some earlier positions, the oldest first."""

    now: Statistics
    points: list[Statistics]
