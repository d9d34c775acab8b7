"""Names that people type: organizations, datasets `org/name`, models `org/name@version`."""

import re
from typing import Annotated, NamedTuple

from pydantic import StringConstraints

_WORD = r"[a-z0-9](?:[a-z0-9._-]{0,98}[a-z0-9])?"

ORGANIZATION = rf"^{_WORD}$"
DATASET = rf"^{_WORD}/{_WORD}$"
MODEL = rf"^{_WORD}/{_WORD}@{_WORD}$"

#: One word of a name: lower case, digits and inner dots, dashes and underscores, at most 100 characters.
Word = Annotated[str, StringConstraints(pattern=ORGANIZATION, max_length=100)]
OrganizationName = Word
DatasetName = Annotated[str, StringConstraints(pattern=DATASET, max_length=201)]
ModelName = Annotated[str, StringConstraints(pattern=MODEL, max_length=302)]


class Dataset(NamedTuple):
    """The two words of a dataset's name, `org/name`."""

    organization: str
    name: str

    def __str__(self) -> str:
        return f"{self.organization}/{self.name}"


class Model(NamedTuple):
    """The three words of a model's name, `org/name@version`."""

    organization: str
    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.organization}/{self.name}@{self.version}"


def parse_dataset(text: str) -> Dataset:
    """Split `org/name`. Raises ValueError that says what a dataset's name looks like."""
    if not re.fullmatch(DATASET, text):
        raise ValueError(f"{text!r} is not a dataset's name: organization/name, in lower case")
    return Dataset(*text.split("/"))


def parse_model(text: str) -> Model:
    """Split `org/name@version`. Raises ValueError that says what a model's name looks like."""
    if not re.fullmatch(MODEL, text):
        raise ValueError(f"{text!r} is not a model's name: organization/name@version, in lower case")
    organization, rest = text.split("/")
    return Model(organization, *rest.split("@"))
