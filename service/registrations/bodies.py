"""Bulk bodies → columns. A refused body names the row and the reason."""

from typing import IO, Annotated, Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import compute, parquet

from firsthand.core import media_types
from firsthand.core.digests import SIZE, Digests, from_texts
from service.errors import Malformed, Unprocessable, UnsupportedMedia
from service.registrations import arrow
from service.registrations.rules import Columns

JSON, RAW, ARROW, PARQUET, NDJSON = (
    media_types.JSON,
    media_types.RAW,
    media_types.ARROW,
    media_types.PARQUET,
    media_types.NDJSON,
)

#: The forms of many items but JSON, as OpenAPI tells of them.
BULK: dict[str, Any] = {
    RAW: {"schema": {"type": "string", "format": "binary", "minLength": 32}},
    ARROW: {"schema": {"type": "string", "format": "binary"}},
    PARQUET: {"schema": {"type": "string", "format": "binary"}},
    NDJSON: {"schema": {"type": "string"}},
}

#: Of formats that pack: rows (as many as the largest raw body has by default), and unpacked bytes.
_MOST_ROWS = 2**21
_MOST_BYTES = 2**27


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


def read(media_type: str, file: IO[bytes]) -> Columns:
    """Parse a body by its content type. Raises Malformed, Unprocessable (naming the row) or UnsupportedMedia."""
    readers = {JSON: _read_json, NDJSON: _read_ndjson, RAW: _read_raw, ARROW: _read_arrow, PARQUET: _read_parquet}
    if media_type not in readers:
        raise UnsupportedMedia(f"{media_type or 'No content type'} is not read here; send {', '.join(readers)}.")
    columns = readers[media_type](file)
    if not len(columns.digests):
        raise Unprocessable.at("digests", "at least one is needed")
    return columns


def _read_raw(file: IO[bytes]) -> Columns:
    return Columns(digests_from_raw(file.read()))


def digests_from_raw(body: bytes) -> Digests:
    """Digests one after the other, 32 bytes each → `uint8[n, 32]`."""
    if len(body) % SIZE:
        row = len(body) // SIZE
        raise Unprocessable.at(f"row {row}", f"a digest has {SIZE} bytes, and {len(body) % SIZE} are left")
    return np.frombuffer(body, dtype=np.uint8).reshape(-1, SIZE)


def digests_from_texts(texts: list[str]) -> Digests:
    """`sha256:<hex>` each → `uint8[n, 32]`."""
    try:
        return from_texts(texts)
    except ValueError as error:
        raise Unprocessable.at("digests", str(error)) from None


def _read_json(file: IO[bytes]) -> Columns:
    try:
        body = _json.decode(file.read())
    except msgspec.ValidationError as error:
        raise Unprocessable.at("body", str(error)) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Malformed(f"The body is not JSON: {error}") from None
    return columns(body.digests, body.size, body.confidence)


def _read_ndjson(file: IO[bytes]) -> Columns:
    lines = [_read_line(row, line) for row, line in enumerate(file)]
    for name in ("size", "confidence"):
        missing = [row for row, line in enumerate(lines) if getattr(line, name) is None]
        if missing and len(missing) < len(lines):
            raise Unprocessable.at(f"row {missing[0]}", f"it has no {name}, and other rows have one")
    size = [line.size for line in lines if line.size is not None]
    confidence = [line.confidence for line in lines if line.confidence is not None]
    return columns([line.digest for line in lines], size or None, confidence or None)


def _read_line(row: int, line: bytes) -> _Line:
    try:
        return _line.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise Unprocessable.at(f"row {row}", str(error)) from None


def columns(texts: list[str], sizes: list[int] | None, confidences: list[int] | None) -> Columns:
    """Columns as JSON holds them → arrays. Raises Unprocessable naming the column."""
    digests = digests_from_texts(texts)
    size = None if sizes is None else np.array(sizes, dtype=np.uint32)
    confidence = None if confidences is None else np.array(confidences, dtype=np.uint8)
    for name, column in (("size", size), ("confidence", confidence)):
        if column is not None and len(column) != len(digests):
            raise Unprocessable.at(name, f"{len(column)} values beside {len(digests)} digests")
    return Columns(digests, size, confidence)


def _read_parquet(file: IO[bytes]) -> Columns:
    try:
        opened = parquet.ParquetFile(file)
        _check_schema(opened.schema_arrow)
        groups = [opened.metadata.row_group(i) for i in range(opened.metadata.num_row_groups)]
        _check_size(opened.metadata.num_rows, sum(group.total_byte_size for group in groups))
        return _read_table(_by_value(file, opened, groups).read())
    except (pa.ArrowException, OSError, ValueError) as error:
        raise Malformed(f"The body is not a whole Parquet file: {error}") from None


def _by_value(file: IO[bytes], opened: Any, groups: list[Any]) -> Any:
    """The same file, opened so that a long value which stands in every row is held once, until its length is known."""
    schema = opened.metadata.schema
    place = next(i for i in range(len(schema)) if schema.column(i).name == "digest")
    if schema.column(place).physical_type != "BYTE_ARRAY":
        return opened
    if any(name.startswith("DELTA") for group in groups for name in group.column(place).encodings):
        raise Unprocessable.at("digest", "delta-encoded; write it plain, by dictionary, or 32 bytes fixed")
    return parquet.ParquetFile(file, read_dictionary=["digest"])


def _read_arrow(file: IO[bytes]) -> Columns:
    try:
        return _read_table(arrow.read(file.read(), _check_schema, _check_size))
    except (pa.ArrowException, OSError, ValueError) as error:
        raise Malformed(f"The body is not a whole Arrow IPC stream: {error}") from None


def _check_schema(schema: Any) -> None:
    """Before anything is read: which columns there are, and of what."""
    names = schema.names
    if "digest" not in names or len(set(names)) < len(names) or set(names) - {"digest", "size", "confidence"}:
        raise Unprocessable.at("columns", f"digest, size and confidence are read, each once; here are {names}")
    for name in names:
        kind = schema.field(name).type
        if name == "digest" and kind not in (pa.binary(SIZE), pa.binary(), pa.large_binary()):
            raise Unprocessable.at(name, f"a column of {SIZE} bytes each, not {kind}")
        if name != "digest" and not pa.types.is_integer(kind):
            raise Unprocessable.at(name, f"a column of whole numbers, not {kind}")


def _check_size(rows: int, size: int) -> None:
    """Before anything is unpacked."""
    if rows > _MOST_ROWS:
        raise Unprocessable.at(f"row {_MOST_ROWS}", f"a body has at most {_MOST_ROWS:,} items: send it in parts")
    if size > _MOST_BYTES:
        raise Unprocessable.at("body", f"unpacked it is over {_MOST_BYTES:,} bytes: send it in parts")


def _read_table(table: Any) -> Columns:
    # offsets out of a body point anywhere: until they are checked, no value may be looked at
    table.validate(full=True)
    size, confidence = _arrow_column(table, "size", np.uint32), _arrow_column(table, "confidence", np.uint8)
    return Columns(_arrow_digests(table.column("digest")), size, confidence)


def _arrow_digests(column: Any) -> Digests:
    lengths = _lengths(column)
    extremes = compute.min_max(lengths).as_py()
    if column.null_count or (len(column) and extremes != {"min": SIZE, "max": SIZE}):
        # only now to numpy, which imports pandas where that is installed: a second, and 30 MB for ever
        lengths = compute.fill_null(lengths, 0).to_numpy()
        wrong = np.flatnonzero(lengths != SIZE)
        raise Unprocessable.at(f"row {wrong[0]}", f"a digest has {SIZE} bytes, not {lengths[wrong[0]]}")
    whole = column.cast(pa.large_binary()).combine_chunks()
    start = whole.offset
    values = np.frombuffer(whole.buffers()[2] or b"", dtype=np.uint8)
    first = int(np.frombuffer(whole.buffers()[1], dtype=np.int64)[start]) if len(whole) else 0
    return values[first : first + SIZE * len(whole)].reshape(-1, SIZE)


def _lengths(column: Any) -> Any:
    """The bytes of each value; of a dictionary without writing any value twice."""
    if not pa.types.is_dictionary(column.type):
        return compute.binary_length(column)
    chunks = [compute.binary_length(chunk.dictionary).take(chunk.indices) for chunk in column.chunks]
    return pa.chunked_array(chunks, pa.int32())


def _arrow_column(table: Any, name: str, dtype: type) -> npt.NDArray[Any] | None:
    if name not in table.column_names:
        return None
    column = table.column(name)
    if column.null_count:
        raise Unprocessable.at(name, f"it has a number in each row, and {column.null_count:,} are missing here")
    values = column.to_numpy()
    most = int(np.iinfo(dtype).max)
    outside = np.flatnonzero((values < 0) | (values > most))
    if len(outside):
        raise Unprocessable.at(f"row {outside[0]}", f"{name} is {values[outside[0]]}, outside of 0 to {most}")
    exact: npt.NDArray[Any] = values.astype(dtype)
    return exact
