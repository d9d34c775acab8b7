"""Models: their training data, and the generation that is computed from it."""

from collections import Counter
from typing import Annotated, Literal

from pydantic import Field, model_validator

from firsthand.core.names import DatasetName
from firsthand.schemas.base import Generation, Moment, Position, Request, Response, Text


class TrainedOn(Request):
    """Training data of a model: a mix, or a dataset at a position."""

    mix: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")] | None = None
    dataset: DatasetName | None = None
    position: Position | None = None

    @model_validator(mode="after")
    def _one_of(self) -> "TrainedOn":
        if (self.mix is None) == (self.dataset is None):
            raise ValueError("give either a mix or a dataset, not both")
        if (self.dataset is None) != (self.position is None):
            raise ValueError("a dataset needs the position at which it was read; for a mix, omit the position")
        return self


class NewModel(Request):
    """A model to register."""

    trained_on: Annotated[list[TrainedOn], Field(max_length=64)] = []
    #: The generation, for a model whose training data is not registered. If `trained_on` is given, it must be equal to
    #: the computed generation.
    generation: Generation | None = None
    #: When the model was first served. Items that were collected earlier cannot be its output, and are refused.
    served_from: Moment | None = None
    title: Text = ""


#: Whether the generation is computed from registered training data, declared by the organization, or unknown.
Basis = Literal["computed", "declared", "unknown"]


class OriginCounts(Response):
    """The number of items by verdict.

    `generations` has the number of items with the verdict model by generation; its keys are texts, as JSON requires.
    `lower_bounds` is the number of items whose generation is a lower bound.
    """

    human: int = 0
    model: int = 0
    contested: int = 0
    unknown: int = 0
    generations: dict[str, int] = {}
    lower_bounds: int = 0

    @property
    def total(self) -> int:
        return self.human + self.model + self.contested + self.unknown

    def __add__(self, other: "OriginCounts") -> "OriginCounts":
        """Return the counts of two sets of items together, with the generations in ascending order."""
        generations = Counter(self.generations) + Counter(other.generations)
        return OriginCounts(
            human=self.human + other.human,
            model=self.model + other.model,
            contested=self.contested + other.contested,
            unknown=self.unknown + other.unknown,
            generations={generation: generations[generation] for generation in sorted(generations, key=int)},
            lower_bounds=self.lower_bounds + other.lower_bounds,
        )


class Model(Response):
    """A model. Its generation is 1 + the highest generation in its training data.

    The generation is a lower bound if the training data has unknown or contested items, or items whose generation is a
    lower bound.
    """

    name: str
    title: str
    position: Position
    trained_on: list[TrainedOn]
    served_from: Moment | None
    generation: int
    lower_bound: bool
    basis: Basis
    #: The generation that the organization of the model declared; null if it declared none.
    declared: int | None = None
    trained_on_counts: OriginCounts
