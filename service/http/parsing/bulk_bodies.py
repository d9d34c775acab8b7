"""Parse bulk bodies into columns. If a body is refused, the error has the row or the column, and the reason."""

from collections.abc import Sequence
from itertools import islice
from typing import IO, Annotated, Any, TypeVar

import msgspec
import numpy as np
import numpy.typing as npt

from firsthand.core.digests import SIZE, Digests, from_texts
from firsthand.core.media_types import ARROW, JSON, NDJSON, PARQUET, RAW
from service.errors import Malformed, Unprocessable, UnsupportedMedia
from service.http.parsing import arrow_stream, json_errors, json_structure
from service.storage.block_layout import ItemColumns

#: The field `content` of a bulk body in OpenAPI, without JSON, because the JSON schema differs between calls.
BULK: dict[str, Any] = {
    RAW: {"schema": {"type": "string", "format": "binary", "minLength": 32}},
    ARROW: {"schema": {"type": "string", "format": "binary"}},
    NDJSON: {"schema": {"type": "string"}},
}

#: The maximum number of items in a body: that of the largest body of raw digests under the default settings.
MOST_ITEMS = 2**21
#: The number of lines of NDJSON that are parsed together. Parsing all lines together would need five times the memory
#: of the body.
_LINES = 2**16

#: Examples of bodies in error messages.
_JSON_EXAMPLE = '{"digests": ["sha256:…"]}'
_LINE_EXAMPLE = '{"digest": "sha256:…"}'

Number = TypeVar("Number", np.uint32, np.uint8)

Size = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]
Confidence = Annotated[int, msgspec.Meta(ge=0, le=255)]


class _Json(msgspec.Struct, forbid_unknown_fields=True):
    digests: list[str]
    size: list[Size] | None = None
    confidence: list[Confidence] | None = None


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    digest: str
    size: Size | None = None
    confidence: Confidence | None = None


_json = msgspec.json.Decoder(_Json)
_line = msgspec.json.Decoder(_Line)


def read(media_type: str, file: IO[bytes], most: int = MOST_ITEMS) -> ItemColumns:
    """Parse a body of at most `most` items by its content type.

    Raises Malformed if the body does not have this format, Unprocessable (with the row) if its content is not accepted,
    and UnsupportedMedia for another content type.
    """
    readers = {JSON: _read_json, NDJSON: _read_ndjson, RAW: _read_raw, ARROW: _read_arrow}
    if media_type not in readers:
        raise unsupported(media_type, *readers)
    items = readers[media_type](file, most)
    if not len(items.digests):
        raise Unprocessable.at("digests", "the body has no digest; send at least one digest")
    return items


def unsupported(media_type: str, *readable: str) -> UnsupportedMedia:
    """Return the error for a content type that a call does not support. `readable` has the supported content types."""
    if media_type == PARQUET:
        return UnsupportedMedia(
            "The registry does not read Parquet files. Use the client or the command line, which read Parquet files "
            f"and send digests, or send one of: {', '.join(readable)}."
        )
    given = f"The content type {media_type[:80]} is" if media_type else "A body without a content type is"
    return UnsupportedMedia(f"{given} not supported by this call. Send one of: {', '.join(readable)}.")


def _read_raw(file: IO[bytes], most: int) -> ItemColumns:
    body = file.read()
    if len(body) % SIZE:
        row = len(body) // SIZE
        raise Unprocessable.at(f"row {row}", f"the digest has {len(body) % SIZE} bytes; send {SIZE} bytes per digest")
    if len(body) > SIZE * most:
        raise Unprocessable.at(
            "digests",
            f"the body has {len(body) // SIZE:,} digests; the limit is {most:,}: send the items in several requests",
        )
    return ItemColumns(np.frombuffer(body, dtype=np.uint8).reshape(-1, SIZE))


def _too_many(most: int) -> Unprocessable:
    return Unprocessable.at(f"row {most}", f"a body has at most {most:,} items; send the items in several requests")


def digests_from_texts(texts: list[str], first: int = 0) -> Digests:
    """Parse n digests, each `sha256:<hex>`, into `uint8[n, 32]`.

    Raises Unprocessable with the number of the row. `first` is the number of the first row.
    """
    try:
        return from_texts(texts)
    except ValueError as error:
        row, _, reason = str(error).removeprefix("row ").partition(": ")
        raise Unprocessable.at("digests", f"row {first + int(row)}: {reason}") from None


def _read_json(file: IO[bytes], most: int) -> ItemColumns:
    json_structure.check_file(file, 3 * most + 100)
    try:
        body = _json.decode(file.read())
    except msgspec.ValidationError as error:
        raise Unprocessable.at("body", json_errors.explain(error, _JSON_EXAMPLE)) from None
    except json_errors.DECODING_ERRORS as error:
        raise Malformed(
            f"The body is not JSON: {json_errors.not_json(error)}. Send an object such as {_JSON_EXAMPLE}."
        ) from None
    if len(body.digests) > most:
        raise _too_many(most)
    return columns(body.digests, body.size, body.confidence)


def _read_ndjson(file: IO[bytes], most: int) -> ItemColumns:
    pieces: list[ItemColumns] = []
    rows = 0
    while lines := [_read_line(rows + row, line) for row, line in enumerate(islice(file, _LINES))]:
        if rows + len(lines) > most:
            raise _too_many(most)
        pieces.append(_columns_of_lines(lines, rows))
        rows += len(lines)
    size, confidence = [piece.size for piece in pieces], [piece.confidence for piece in pieces]
    for name, arrays in (("size", size), ("confidence", confidence)):
        missing = [_LINES * number for number, array in enumerate(arrays) if array is None]
        if missing and len(missing) < len(pieces):
            raise _in_some_rows(name, missing[0])
    digests = np.concatenate([piece.digests for piece in pieces] or [np.empty((0, SIZE), dtype=np.uint8)])
    return ItemColumns(digests, _joined(size), _joined(confidence))


def _joined(arrays: Sequence[npt.NDArray[Number] | None]) -> npt.NDArray[Number] | None:
    """Join the arrays of a column. Return None if no array has this column."""
    given = [array for array in arrays if array is not None]
    return np.concatenate(given) if given else None


def _columns_of_lines(lines: list[_Line], first: int) -> ItemColumns:
    """Convert lines into arrays. `first` is the number of the first line as a row of the body."""
    for name in ("size", "confidence"):
        missing = [row for row, line in enumerate(lines) if getattr(line, name) is None]
        if missing and len(missing) < len(lines):
            raise _in_some_rows(name, first + missing[0])
    size = [line.size for line in lines if line.size is not None]
    confidence = [line.confidence for line in lines if line.confidence is not None]
    return columns([line.digest for line in lines], size or None, confidence or None, first)


def _in_some_rows(name: str, row: int) -> Unprocessable:
    return Unprocessable.at(
        f"row {row}", f"it has no {name}, but other rows have one; send {name} in all rows or in no row"
    )


def _read_line(row: int, line: bytes) -> _Line:
    try:
        return _line.decode(line)
    except json_errors.DECODING_ERRORS as error:
        raise Unprocessable.at(f"row {row}", json_errors.explain(error, _LINE_EXAMPLE)) from None


def columns(texts: list[str], sizes: list[int] | None, confidences: list[int] | None, first: int = 0) -> ItemColumns:
    """Convert lists into arrays. Raises Unprocessable with the column or the row.

    `first` is the number of the first row.
    """
    digests = digests_from_texts(texts, first)
    size = None if sizes is None else np.array(sizes, dtype=np.uint32)
    confidence = None if confidences is None else np.array(confidences, dtype=np.uint8)
    for name, column in (("size", size), ("confidence", confidence)):
        if column is not None and len(column) != len(digests):
            raise Unprocessable.at(
                name, f"the column has {len(column):,} values for {len(digests):,} digests; send one value per digest"
            )
    return ItemColumns(digests, size, confidence)


def _read_arrow(file: IO[bytes], most: int) -> ItemColumns:
    return arrow_stream.read(file.read(), most)
