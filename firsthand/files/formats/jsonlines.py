"""JSON lines: an object a line; blank lines are no rows. A kept line stays byte for byte.

Blocks of lines are parsed by Arrow, five times as fast as by Python. It is more liberal than the rest of the world in
places and stricter in others; a block in which that could matter is parsed line by line.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.json

from firsthand.errors import ContentError
from firsthand.files import compression
from firsthand.files.formats import base
from firsthand.files.formats.base import Rows, Writer, no_field, no_text, of_texts
from firsthand.files.locations import Place

_LF, _CR, _OPEN, _CLOSE = b"\n\r{}"


@dataclass(frozen=True)
class Block:
    """Whole lines of a file; those that are not blank are rows: line `numbers[i]` is `content[starts[i] : ends[i]]`."""

    content: bytes
    numbers: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]

    def lines(self, which: Any = slice(None)) -> list[bytes]:
        """The lines of these rows, with their ends."""
        bounds = zip(self.starts[which].tolist(), self.ends[which].tolist(), strict=True)
        return [self.content[start:end] for start, end in bounds]


class JsonLines:
    """One JSON object a line."""

    def read(self, place: Place, field: str, whole: bool = False) -> Iterator[Rows]:
        with compression.reading(place) as file:
            for block in blocks(file):
                items = _by_arrow(block, field)
                if items is None:
                    items = of_texts(_by_line(place, block, field))
                yield Rows(block.numbers, items, block)  # type: ignore[arg-type]

    @contextmanager
    def writing(self, path: Path, like: Place) -> Iterator[Writer]:
        with compression.writing(path, like) as file:
            yield LineWriter(file)


@dataclass(frozen=True)
class LineWriter:
    """Writes lines whose `raw` is their block."""

    file: IO[bytes]

    def write(self, rows: Rows, keep: npt.NDArray[np.bool_]) -> None:
        self.file.write(b"".join(rows.raw.lines(keep)))


def blocks(file: IO[bytes]) -> Iterator[Block]:
    """A file's lines in blocks of about `BLOCK` bytes, or as long as its longest line."""
    number = 1
    while content := file.read(base.BLOCK):
        content += file.readline()
        ends = np.flatnonzero(np.frombuffer(content, dtype=np.uint8) == _LF) + 1
        if not len(ends) or ends[-1] < len(content):
            ends = np.append(ends, len(content))
        starts = np.concatenate([[0], ends[:-1]])
        block = Block(content, np.arange(number, number + len(ends)), starts, ends)
        number += len(ends)
        yield _without_blank(block)


def _without_blank(block: Block) -> Block:
    """Blank lines are found among the short ones and those that begin with what a blank line does."""
    first = np.frombuffer(block.content, dtype=np.uint8)[block.starts]
    maybe = np.flatnonzero(first <= ord(" "))
    if not len(maybe):
        return block
    rows = np.ones(len(block.starts), dtype=np.bool_)
    rows[maybe] = [bool(line.strip()) for line in block.lines(maybe)]
    return Block(block.content, block.numbers[rows], block.starts[rows], block.ends[rows])


def _by_arrow(block: Block, field: str) -> pa.Array | None:
    """The items, or None where Arrow may have understood something else than Python would."""
    if not _an_object_a_line(block):
        return None
    try:
        block.content.decode()
        items = pyarrow.json.read_json(
            pa.BufferReader(block.content),
            read_options=pyarrow.json.ReadOptions(use_threads=False, block_size=len(block.content) + 1),
            parse_options=pyarrow.json.ParseOptions(
                explicit_schema=pa.schema([(field, pa.string())]), unexpected_field_behavior="ignore"
            ),
        ).column(0)
    except (UnicodeDecodeError, pa.ArrowException, OverflowError):
        return None
    # a null may also be a field that is not there; two objects on a line would be two rows
    return None if items.null_count or len(items) != len(block.starts) else items.combine_chunks()


def _an_object_a_line(block: Block) -> bool:
    """Whether every line begins and ends as an object does: none then runs over into the next, which Arrow allows."""
    if not len(block.starts):
        return True
    content = np.frombuffer(block.content, dtype=np.uint8)
    last = block.ends - 1
    last = last - (content[last] == _LF)
    last = last - (content[last] == _CR)
    return bool((content[block.starts] == _OPEN).all() and (content[last] == _CLOSE).all())


def _by_line(place: Place, block: Block, field: str) -> Sequence[str | None]:
    return [
        _item(place, number, line, field) for number, line in zip(block.numbers.tolist(), block.lines(), strict=True)
    ]


def _item(place: Place, number: int, line: bytes, field: str) -> str | None:
    try:
        row = json.loads(line.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise ContentError(f"{place}, line {number}: not JSON in UTF-8 ({error})") from None
    if not isinstance(row, dict) or field not in row:
        raise no_field(place, number, field, list(row) if isinstance(row, dict) else [])
    item = row[field]
    if item is not None and not isinstance(item, str):
        raise no_text(place, f"line {number}", field, item)
    return item
