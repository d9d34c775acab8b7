"""JSON Lines: one object per line; blank lines are skipped. Selected lines are written byte for byte.

Arrow parses blocks of lines five times as fast as Python. It accepts some lines that Python refuses, and refuses some
that Python accepts. If a block can have such lines, Python parses it line by line.
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
from firsthand.files.formats.base import Rows, RowWriter, no_field, not_text, text_column
from firsthand.files.locations import Location

_LF, _CR, _OPEN, _CLOSE = b"\n\r{}"


@dataclass(frozen=True)
class LineBlock:
    """Complete lines of a file, without blank lines. Line `numbers[i]` is `content[starts[i] : ends[i]]`."""

    content: bytes
    numbers: npt.NDArray[np.int64]
    starts: npt.NDArray[np.int64]
    ends: npt.NDArray[np.int64]

    def lines(self, which: Any = slice(None)) -> list[bytes]:
        """Return the lines of the selected rows, with their line ends."""
        bounds = zip(self.starts[which].tolist(), self.ends[which].tolist(), strict=True)
        return [self.content[start:end] for start, end in bounds]


class JsonLines:
    """The format with one JSON object per line."""

    def read(self, location: Location, field: str, whole: bool = False) -> Iterator[Rows]:
        with compression.reading(location) as file:
            for block in blocks(file):
                items = _by_arrow(block, field)
                if items is None:
                    items = text_column(_by_line(location, block, field))
                yield Rows(block.numbers, items, block)  # type: ignore[arg-type]

    @contextmanager
    def writing(self, path: Path, like: Location) -> Iterator[RowWriter]:
        with compression.writing(path, like) as file:
            yield JsonLineWriter(file)

    def estimate_rows(self, path: Path) -> int:
        return base.estimate_lines(path)


@dataclass(frozen=True)
class JsonLineWriter:
    """A writer of lines. `Rows.raw` of the rows is their LineBlock."""

    file: IO[bytes]

    def write(self, rows: Rows, keep: npt.NDArray[np.bool_]) -> None:
        self.file.write(b"".join(rows.raw.lines(keep)))


def blocks(file: IO[bytes]) -> Iterator[LineBlock]:
    """Yield the lines of a file in blocks of about `BLOCK` bytes. A block is longer if its last line is longer."""
    number = 1
    while content := file.read(base.BLOCK):
        content += file.readline()
        ends = np.flatnonzero(np.frombuffer(content, dtype=np.uint8) == _LF) + 1
        if not len(ends) or ends[-1] < len(content):
            ends = np.append(ends, len(content))
        starts = np.concatenate([[0], ends[:-1]])
        block = LineBlock(content, np.arange(number, number + len(ends)), starts, ends)
        number += len(ends)
        yield _without_blank(block)


def _without_blank(block: LineBlock) -> LineBlock:
    """Return the block without its blank lines. Only lines that begin with white space are examined."""
    first = np.frombuffer(block.content, dtype=np.uint8)[block.starts]
    maybe = np.flatnonzero(first <= ord(" "))
    if not len(maybe):
        return block
    rows = np.ones(len(block.starts), dtype=np.bool_)
    rows[maybe] = [bool(line.strip()) for line in block.lines(maybe)]
    return LineBlock(block.content, block.numbers[rows], block.starts[rows], block.ends[rows])


def _by_arrow(block: LineBlock, field: str) -> pa.Array | None:
    """Return the items as Arrow parses them; None if Python could parse the block differently."""
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
    # With Arrow, a missing field is null too, and two objects on one line are two rows.
    return None if items.null_count or len(items) != len(block.starts) else items.combine_chunks()


def _an_object_a_line(block: LineBlock) -> bool:
    """Return whether every line begins and ends like an object. Arrow also accepts objects over several lines."""
    if not len(block.starts):
        return True
    content = np.frombuffer(block.content, dtype=np.uint8)
    last = block.ends - 1
    last = last - (content[last] == _LF)
    last = last - (content[last] == _CR)
    return bool((content[block.starts] == _OPEN).all() and (content[last] == _CLOSE).all())


def _by_line(location: Location, block: LineBlock, field: str) -> Sequence[str | None]:
    items = []
    for number, line in zip(block.numbers.tolist(), block.lines(), strict=True):
        try:
            row = json.loads(line.decode("utf-8-sig"))
        except (ValueError, RecursionError) as error:
            raise ContentError(f"{location}, line {number}: not JSON in UTF-8 ({error}); correct the line") from None
        if not isinstance(row, dict) or field not in row:
            raise no_field(location, number, field, list(row) if isinstance(row, dict) else [])
        item = row[field]
        if item is not None and not isinstance(item, str):
            raise not_text(location, f"line {number}", field, item)
        items.append(item)
    return items
