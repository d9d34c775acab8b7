"""Models: what each was trained on, and the generation that follows from it."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from firsthand.core.names import DatasetName
from firsthand.schemas.base import Generation, Moment, Position, Request, Response, Text


class TrainedOn(Request):
    """A part of what a model was trained on: a mix, or a dataset as it stood at a position."""

    mix: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")] | None = None
    dataset: DatasetName | None = None
    position: Position | None = None

    @model_validator(mode="after")
    def _one_of(self) -> "TrainedOn":
        if (self.mix is None) == (self.dataset is None):
            raise ValueError("name either a mix or a dataset")
        if (self.dataset is None) != (self.position is None):
            raise ValueError("a dataset goes with the position at which it was read, a mix has its own")
        return self


class NewModel(Request):
    trained_on: Annotated[list[TrainedOn], Field(max_length=64)] = []
    #: For a model whose training data nobody registered. Beside `trained_on` it is checked, never believed.
    generation: Generation | None = None
    #: When the model was first served; what was collected before cannot be its output, and is refused as that.
    served_from: Moment | None = None
    title: Text = ""


#: `computed` from registered training data, `declared` by whoever registered the model, or `unknown`: nothing was said.
Basis = Literal["computed", "declared", "unknown"]


class OriginCounts(Response):
    """Items by verdict; those of models by generation too (as text, for JSON has no other keys).

    `lower_bounds` counts those of models whose generation is only known from below.
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


class Model(Response):
    """A model. Its generation is 1 + the highest in its training data; `lower_bound` if that holds unknown items."""

    name: str
    title: str
    position: Position
    trained_on: list[TrainedOn]
    served_from: Moment | None
    generation: int
    lower_bound: bool
    basis: Basis
    #: The generation that its organization typed, if it did.
    declared: int | None = None
    trained_on_counts: OriginCounts
