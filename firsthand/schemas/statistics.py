"""Statistics: standing claims by origin, generation, dataset, organization, over positions."""

from firsthand.schemas.base import Position, Response


class Statistics(Response):
    """Counts of standing claims at a position (an item with two claims counts twice)."""

    position: Position
    claims: int
    registrations: int
    by_origin: dict[str, int]
    by_generation: dict[str, int]
    by_dataset: dict[str, int]
    by_organization: dict[str, int]


class History(Response):
    """The present, and how it grew: at most as many earlier points as were asked for, oldest first."""

    now: Statistics
    points: list[Statistics]
