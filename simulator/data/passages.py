"""Human text, read, cleaned and split once and for all: what there is to train on, and what is kept aside.

Text comes in paragraphs. One that was there before, to the letter but for white space, is left out: CPython's topics
say many things twice, and a text kept aside must not be trained on under another heading. Paragraphs in a row make a
passage, and a passage's digest says whether it is kept aside; no seed has a part in it.
"""

import importlib
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

from firsthand.core.digests import digest_text

#: Characters that a passage has at least, but for the last of a text: a few blocks of tokens.
PASSAGE = 1000
#: Suffixes of the files that are read in a folder.
SUFFIXES = (".txt", ".md", ".rst")

_RULER = re.compile(r"\s*([^\w\s])\1{2,}\s*")  # a line that underlines a heading
_ROLE = re.compile(r":[a-z]+:`~?([^`<]+?)(?:\s*<[^`]*>)?`")  # reST's :func:`name`


class Passages(NamedTuple):
    """Human text, each passage a text of some paragraphs, a line each."""

    pool: tuple[str, ...]
    aside: tuple[str, ...]


@cache
def read(path: str, aside: float) -> Passages:
    """The passages of `path` (empty: CPython's topics), a share `aside` of them kept aside. Raises ValueError."""
    seen: set[bytes] = set()
    found = [passage for text in _texts(path) for passage in passages(_new(paragraphs(text), seen))]
    kept = [_place(passage) < aside for passage in found]
    split = Passages(
        tuple(one for one, apart in zip(found, kept, strict=True) if not apart),
        tuple(one for one, apart in zip(found, kept, strict=True) if apart),
    )
    if not split.pool or not split.aside:
        raise ValueError(f"{path or 'the text'} has {len(found)} passages: too few to keep a share of {aside} aside")
    return split


def paragraphs(text: str) -> list[str]:
    """The paragraphs of a text, each on one line, without the rulers under headings and reST's roles."""
    parts = ([line for line in part.splitlines() if not _RULER.fullmatch(line)] for part in re.split(r"\n\s*\n", text))
    lines = (" ".join(_ROLE.sub(r"\1", " ".join(part)).split()) for part in parts)
    return [line for line in lines if line]


def passages(paragraphs: Iterable[str]) -> list[str]:
    """Paragraphs in a row, joined until they have `PASSAGE` characters."""
    found, open_, length = [], [], 0
    for paragraph in paragraphs:
        open_.append(paragraph)
        length += len(paragraph)
        if length >= PASSAGE:
            found.append("\n".join(open_) + "\n")
            open_, length = [], 0
    return found + (["\n".join(open_) + "\n"] if open_ else [])


def _new(paragraphs: Iterable[str], seen: set[bytes]) -> list[str]:
    """Those that were not there before, by digest."""
    found = []
    for paragraph in paragraphs:
        digest = digest_text(paragraph)
        if digest not in seen:
            seen.add(digest)
            found.append(paragraph)
    return found


def _place(passage: str) -> float:
    """Where a passage's digest lies, from 0 to 1."""
    return int.from_bytes(digest_text(passage)[:8], "big") / 2**64


def _texts(path: str) -> list[str]:
    if not path:
        topics: dict[str, str] = importlib.import_module("pydoc_data.topics").topics
        return [topics[name] for name in sorted(topics)]
    file = Path(path)
    inside = sorted(one for one in file.rglob("*") if one.suffix in SUFFIXES) if file.is_dir() else [file]
    if not inside:
        raise ValueError(f"the folder {path} holds no text: files that end in {', '.join(SUFFIXES)}")
    try:
        return [one.read_text(encoding="utf-8") for one in inside]
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{file.absolute()} cannot be read as text: {error}") from None
