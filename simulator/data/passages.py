"""Read human text, clean it, and split it into a pool for training and a held-out part for metrics.

A text is a sequence of paragraphs. If a paragraph occurs several times, only its first occurrence is kept; differences
in white space do not matter. The reason: the help topics of CPython repeat many paragraphs, and a held-out paragraph
must not also be in the pool. Consecutive paragraphs are joined to passages. The digest of a passage decides whether it
is held out, so the split does not depend on a seed.
"""

import importlib
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import NamedTuple

from firsthand.core.digests import digest_text

#: The smallest number of characters in a passage, about a few blocks of tokens. The last passage of a text may have
#: fewer.
PASSAGE = 1000
#: The suffixes of the files that are read from a folder.
SUFFIXES = (".txt", ".md", ".rst")

_RULER = re.compile(r"\s*([^\w\s])\1{2,}\s*")  # a line that underlines a heading
_ROLE = re.compile(r":[a-z]+:`~?([^`<]+?)(?:\s*<[^`]*>)?`")  # a role of reStructuredText, such as :func:`name`


class Passages(NamedTuple):
    """Human text in two parts: passages for training (`pool`) and held-out passages (`aside`).

    Each passage has several paragraphs, one per line.
    """

    pool: tuple[str, ...]
    aside: tuple[str, ...]


@cache
def read(path: str, aside: float) -> Passages:
    """Return the passages of the text file or folder `path`. About the share `aside` of them is held out.

    An empty path means the help topics of CPython. Raises ValueError if the text cannot be read, or if it is too short
    for two parts.
    """
    seen: set[bytes] = set()
    pool, held_out = list[str](), list[str]()
    for text in _texts(path):
        for passage in passages(_without_repeats(paragraphs(text), seen)):
            fraction = int.from_bytes(digest_text(passage)[:8], "big") / 2**64
            (held_out if fraction < aside else pool).append(passage)
    if not pool or not held_out:
        count = len(pool) + len(held_out)
        raise ValueError(
            f"{path or 'the text'} has {count} passages, too few to hold out the share aside={aside:g}: use a longer "
            "text, or another value of aside"
        )
    return Passages(tuple(pool), tuple(held_out))


def paragraphs(text: str) -> list[str]:
    """Return the paragraphs of a text, each as one line, without underlines of headings and without reST roles."""
    parts = ([line for line in part.splitlines() if not _RULER.fullmatch(line)] for part in re.split(r"\n\s*\n", text))
    lines = (" ".join(_ROLE.sub(r"\1", " ".join(part)).split()) for part in parts)
    return [line for line in lines if line]


def passages(paragraphs: Iterable[str]) -> list[str]:
    """Return passages: consecutive paragraphs, joined until a passage has at least `PASSAGE` characters."""
    complete: list[str] = []
    current: list[str] = []
    for paragraph in paragraphs:
        current.append(paragraph)
        if sum(map(len, current)) >= PASSAGE:
            complete.append("\n".join(current) + "\n")
            current = []
    return complete + (["\n".join(current) + "\n"] if current else [])


def _without_repeats(paragraphs: Iterable[str], seen: set[bytes]) -> list[str]:
    """Return the paragraphs whose digest is not in `seen`, and add their digests to it."""
    new = []
    for paragraph in paragraphs:
        digest = digest_text(paragraph)
        if digest not in seen:
            seen.add(digest)
            new.append(paragraph)
    return new


def _texts(path: str) -> list[str]:
    if not path:
        topics: dict[str, str] = importlib.import_module("pydoc_data.topics").topics
        return [topics[name] for name in sorted(topics)]
    file = Path(path)
    files = sorted(member for member in file.rglob("*") if member.suffix in SUFFIXES) if file.is_dir() else [file]
    if not files:
        raise ValueError(f"the folder {path} has no text files: add files whose names end in {', '.join(SUFFIXES)}")
    try:
        return [member.read_text(encoding="utf-8") for member in files]
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(
            f"{file.absolute()} cannot be read as UTF-8 text: {error}. Check the path, and convert the text to UTF-8"
        ) from None
