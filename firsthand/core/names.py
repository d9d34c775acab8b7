"""Names of organizations (`org`), datasets (`org/name`) and models (`org/name@version`), and ids of other things."""

import re
from typing import Annotated, Literal, NamedTuple

from pydantic import StringConstraints

_WORD = r"[a-z0-9](?:[a-z0-9._-]{0,98}[a-z0-9])?"

ORGANIZATION = rf"^{_WORD}$"
DATASET = rf"^{_WORD}/{_WORD}$"
MODEL = rf"^{_WORD}/{_WORD}@{_WORD}$"

#: One word of a name: lower-case letters and digits, with dots, dashes and underscores inside; at most 100 characters.
Word = Annotated[str, StringConstraints(pattern=ORGANIZATION, max_length=100)]
OrganizationName = Word
DatasetName = Annotated[str, StringConstraints(pattern=DATASET, max_length=201)]
ModelName = Annotated[str, StringConstraints(pattern=MODEL, max_length=302)]


class ParsedDatasetName(NamedTuple):
    """The two words of the name of a dataset, `org/name`."""

    organization: str
    name: str

    def __str__(self) -> str:
        return f"{self.organization}/{self.name}"


class ParsedModelName(NamedTuple):
    """The three words of the name of a model, `org/name@version`."""

    organization: str
    name: str
    version: str

    def __str__(self) -> str:
        return f"{self.organization}/{self.name}@{self.version}"


def parse_dataset(text: str) -> ParsedDatasetName:
    """Split `org/name`. Raises ValueError, whose message shows the correct form."""
    if not re.fullmatch(DATASET, text):
        raise ValueError(f"{text!r} is not a dataset's name: use organization/name, in lower case, such as 'acme/web'")
    return ParsedDatasetName(*text.split("/"))


def parse_model(text: str) -> ParsedModelName:
    """Split `org/name@version`. Raises ValueError, whose message shows the correct form."""
    if not re.fullmatch(MODEL, text):
        raise ValueError(
            f"{text!r} is not a model's name: use organization/name@version, in lower case, such as 'acme/writer@1'"
        )
    organization, name_and_version = text.split("/")
    return ParsedModelName(organization, *name_and_version.split("@"))


Kind = Literal["key", "mix", "snapshot"]

#: The number of hexadecimal digits of ids.
ID_DIGITS: dict[Kind, int] = {"key": 12, "mix": 32, "snapshot": 32}


def check_id(kind: Kind, text: str) -> str:
    """Return the id of a key, a mix or a snapshot. Raises ValueError, whose message shows the correct form."""
    digits = ID_DIGITS[kind]
    if not re.fullmatch(rf"[0-9a-f]{{{digits}}}", text):
        example = ("0123456789abcdef" * 2)[:digits]
        raise ValueError(
            f"{text[:80]!r} is not the id of a {kind}: use {digits} hexadecimal digits, such as {example!r}"
        )
    return text
