"""JSON Lines: one object per line; blank lines are skipped. Selected lines are written byte for byte.

Arrow parses blocks of lines five times as fast as Python. It accepts some lines that Python refuses, and refuses some
lines that Python accepts. If a block may contain such lines, each line is parsed separately: by Python, and by Arrow if
Python refuses the line. So the result of a line does not depend on the lines around it.
"""

import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.json

from firsthand.errors import ContentError, RowError
from firsthand.files import compression
from firsthand.files.formats import base
from firsthand.files.formats.base import (
    RowErrors,
    Rows,
    RowWriter,
    Span,
    holds_another_value,
    piped,
    text_column,
    without_field,
)
from firsthand.files.locations import FileRange, Location, ReadMeter

_LF, _CR, _OPEN, _CLOSE = b"\n\r{}"


@dataclass(frozen=True)
class LineBlock:
    """Complete lines of a file, without blank lines.

    The line with the number `numbers[i]` is `content[starts[i] : ends[i]]`.
    """

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

    def read(
        self,
        location: Location,
        field: str,
        whole: bool = False,
        skip: bool = False,
        meter: ReadMeter | None = None,
    ) -> Iterator[Rows]:
        with compression.reading(location, meter) as file:
            yield from _read(LineSource(location), file, field, skip)

    def spans(self, path: Path, most: int) -> Sequence[Span]:
        """Divide an uncompressed file into spans of bytes. Each span begins with the first byte of a line."""
        if compression.codec(path.name) is not None:
            return ()
        with compression.reading(path) as file:
            total = file.seek(0, os.SEEK_END)
            bounds = [0]
            for number in range(1, most):
                file.seek(total * number // most)
                file.readline()
                bounds.append(file.tell())
        bounds.append(total)
        return [Span(start, end, total) for start, end in pairwise(bounds) if start < end]

    def read_span(
        self, location: Location, field: str, span: Span, skip: bool = False, meter: ReadMeter | None = None
    ) -> Iterator[Rows]:
        with compression.reading(location, meter) as file, FileRange(file, span.start, span.end) as lines:
            yield from _read(LineSource(location, span.start), lines, field, skip)

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


@dataclass
class LineSource:
    """The file of the lines, and the byte at which the span begins (0 for a whole file)."""

    location: Location
    start: int = 0
    _lines_before: int | None = None

    def line(self, number: int) -> int:
        """Convert the number of a line in the span into its number in the whole file.

        The first call reads the file up to the span, to count the lines before it.
        """
        if self._lines_before is None:
            self._lines_before = 0
            if self.start:
                with compression.reading(self.location) as file, FileRange(file, 0, self.start) as before:
                    self._lines_before = sum(chunk.count(b"\n") for chunk in iter(lambda: before.read(base.BLOCK), b""))
        return self._lines_before + number


def _read(source: LineSource, file: IO[bytes], field: str, skip: bool) -> Iterator[Rows]:
    errors, is_first = RowErrors(skip), source.start == 0
    for block in blocks(file):
        items = _by_arrow(block, field)
        if items is None:
            if is_first:
                _check_form(source.location, block)
            items = text_column(_by_line(source, block, field, errors))
        is_first = is_first and not len(block.starts)
        yield Rows(block.numbers, items, block, errors.take())  # type: ignore[arg-type]


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
    """Return the items of a block, parsed by Arrow. Return None if Python might parse the block differently."""
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
    """Return whether every line begins with `{` and ends with `}`.

    This is necessary because Arrow also accepts an object that has several lines.
    """
    if not len(block.starts):
        return True
    content = np.frombuffer(block.content, dtype=np.uint8)
    last = block.ends - 1
    last = last - (content[last] == _LF)
    last = last - (content[last] == _CR)
    return bool((content[block.starts] == _OPEN).all() and (content[last] == _CLOSE).all())


class _Number(str):
    """A number of a JSON line as text, because Python refuses to convert integers with more than 4,300 digits."""


def _by_line(source: LineSource, block: LineBlock, field: str, errors: RowErrors) -> Sequence[str | None]:
    items: list[str | None] = []
    for number, line in zip(block.numbers.tolist(), block.lines(), strict=True):
        try:
            items.append(_item(line, field))
        except ValueError as error:
            line_number = source.line(number)
            errors.add(RowError(str(source.location), f"line {line_number}", line_number, str(error)))
            items.append(None)
    return items


def _item(line: bytes, field: str) -> str | None:
    """Return the item of a line, or None if the field is null. Raises ValueError, with the reason, for a bad line."""
    try:
        row = _object(line)
    except ValueError as error:
        item = _item_by_arrow(line, field)
        if item is None:
            raise ValueError(f"not JSON in UTF-8 ({error}); correct the line") from None
        return item
    if not isinstance(row, dict):
        kind = {list: "an array", str: "a text", type(None): "null", bool: "a truth value"}.get(type(row), "a number")
        raise ValueError(f"the line holds {kind}, but it must be an object with the field {field!r}; correct the line")
    if field not in row:
        raise ValueError(without_field(field, list(row)))
    item = row[field]
    if item is not None and type(item) is not str:
        raise ValueError(holds_another_value(field, item))
    return item


def _object(line: bytes, parse_int: type[_Number] | None = None) -> Any:
    """Return the JSON value of a line. Raises ValueError, with the reason, if the line is not JSON."""
    try:
        return json.loads(line.decode("utf-8-sig"), parse_int=parse_int)
    except UnicodeDecodeError as error:
        raise ValueError(f"byte {error.start + 1} of the line is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg} at character {error.pos + 1} of the line") from None
    except RecursionError:
        raise ValueError("its values are nested too deeply") from None
    except ValueError:  # an integer with too many digits for Python
        return _object(line, _Number)


def _item_by_arrow(line: bytes, field: str) -> str | None:
    """Return the item of one line, parsed by Arrow, after Python refused the line.

    Return None if Arrow refuses the line too.
    """
    content = line.strip()
    items = _by_arrow(LineBlock(content, np.array([1]), np.array([0]), np.array([len(content)])), field)
    return None if items is None else str(items[0].as_py())


def _check_form(location: Location, block: LineBlock) -> None:
    """Raise ContentError if a file is JSON, but does not have one object per line. `block` has its first lines."""
    first = block.lines(slice(1))
    if not first:
        return
    base.check_encoding(location, block.content)
    start = first[0].removeprefix(b"\xef\xbb\xbf").strip()
    if start.startswith(b"[") and (len(block.starts) == 1 or not _is_json(start)):
        convert = piped(location, "jq -c '.[]'")
        raise ContentError(f"{location} is one JSON array, not one object per line. Convert it: {convert} > NEW.jsonl")
    if start.startswith(b"{") and len(block.starts) > 1 and _ends_inside_object(start):
        convert = piped(location, "jq -c .")
        raise ContentError(
            f"{location}, line {block.numbers[0]}: a JSON object of several lines; each line must be one object."
            f" Convert it: {convert} > NEW.jsonl"
        )


def _ends_inside_object(line: bytes) -> bool:
    """Return whether a line is the start of a JSON object that continues in the next line."""
    try:
        json.loads(line)
    except json.JSONDecodeError as error:
        return error.pos == len(error.doc)
    except (ValueError, RecursionError):
        return False
    return False


def _is_json(line: bytes) -> bool:
    try:
        _object(line)
    except ValueError:
        return False
    return True
