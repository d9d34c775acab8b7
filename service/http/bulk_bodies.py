"""Parse bulk bodies into columns. If a body is refused, the error names the row or the column, and the reason."""

from typing import IO, Annotated, Any

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import compute, parquet

from firsthand.core.digests import SIZE, Digests, from_texts
from firsthand.core.media_types import ARROW, JSON, NDJSON, PARQUET, RAW
from service.errors import Malformed, Unprocessable, UnsupportedMedia
from service.http import arrow_stream, json_errors
from service.storage.block_layout import ItemColumns

#: The `content` of a bulk body in OpenAPI, without JSON, whose schema differs per call.
BULK: dict[str, Any] = {
    RAW: {"schema": {"type": "string", "format": "binary", "minLength": 32}},
    ARROW: {"schema": {"type": "string", "format": "binary"}},
    PARQUET: {"schema": {"type": "string", "format": "binary"}},
    NDJSON: {"schema": {"type": "string"}},
}

#: Limits for compressed formats: the number of rows (that of the largest raw body under the default settings), and the
#: number of decompressed bytes.
_MOST_ROWS = 2**21
_MOST_BYTES = 2**27

#: Objects that messages show as examples.
_JSON_EXAMPLE = '{"digests": ["sha256:…"]}'
_LINE_EXAMPLE = '{"digest": "sha256:…"}'


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


def read(media_type: str, file: IO[bytes]) -> ItemColumns:
    """Parse a body by its content type.

    Raises Malformed if the body does not have this format, Unprocessable (with the row) if its content is not accepted,
    and UnsupportedMedia for another content type.
    """
    readers = {JSON: _read_json, NDJSON: _read_ndjson, RAW: _read_raw, ARROW: _read_arrow, PARQUET: _read_parquet}
    if media_type not in readers:
        raise unsupported(media_type, *readers)
    items = readers[media_type](file)
    if not len(items.digests):
        raise Unprocessable.at("digests", "the body has no digest; send at least one digest")
    return items


def unsupported(media_type: str, *readable: str) -> UnsupportedMedia:
    """Return the error for a content type that a call does not support. `readable` are the supported content types."""
    given = f"The content type {media_type} is" if media_type else "A body without a content type is"
    return UnsupportedMedia(f"{given} not supported by this call. Send one of: {', '.join(readable)}.")


def _read_raw(file: IO[bytes]) -> ItemColumns:
    body = file.read()
    if len(body) % SIZE:
        row = len(body) // SIZE
        raise Unprocessable.at(f"row {row}", f"the digest has {len(body) % SIZE} bytes; send {SIZE} bytes per digest")
    return ItemColumns(np.frombuffer(body, dtype=np.uint8).reshape(-1, SIZE))


def digests_from_texts(texts: list[str]) -> Digests:
    """Parse n digests, each `sha256:<hex>`, into `uint8[n, 32]`. Raises Unprocessable with the row."""
    try:
        return from_texts(texts)
    except ValueError as error:
        raise Unprocessable.at("digests", str(error)) from None


def _read_json(file: IO[bytes]) -> ItemColumns:
    try:
        body = _json.decode(file.read())
    except msgspec.ValidationError as error:
        raise Unprocessable.at("body", json_errors.explain(error, _JSON_EXAMPLE)) from None
    except json_errors.DECODING_ERRORS as error:
        raise Malformed(
            f"The body is not JSON: {json_errors.not_json(error)}. Send an object such as {_JSON_EXAMPLE}."
        ) from None
    return columns(body.digests, body.size, body.confidence)


def _read_ndjson(file: IO[bytes]) -> ItemColumns:
    lines = [_read_line(row, line) for row, line in enumerate(file)]
    for name in ("size", "confidence"):
        missing = [row for row, line in enumerate(lines) if getattr(line, name) is None]
        if missing and len(missing) < len(lines):
            raise Unprocessable.at(
                f"row {missing[0]}", f"it has no {name}, but other rows have one; send {name} in all rows or in no row"
            )
    size = [line.size for line in lines if line.size is not None]
    confidence = [line.confidence for line in lines if line.confidence is not None]
    return columns([line.digest for line in lines], size or None, confidence or None)


def _read_line(row: int, line: bytes) -> _Line:
    try:
        return _line.decode(line)
    except json_errors.DECODING_ERRORS as error:
        raise Unprocessable.at(f"row {row}", json_errors.explain(error, _LINE_EXAMPLE)) from None


def columns(texts: list[str], sizes: list[int] | None, confidences: list[int] | None) -> ItemColumns:
    """Convert the lists of a JSON body into arrays. Raises Unprocessable with the column."""
    digests = digests_from_texts(texts)
    size = None if sizes is None else np.array(sizes, dtype=np.uint32)
    confidence = None if confidences is None else np.array(confidences, dtype=np.uint8)
    for name, column in (("size", size), ("confidence", confidence)):
        if column is not None and len(column) != len(digests):
            raise Unprocessable.at(
                name, f"the column has {len(column):,} values for {len(digests):,} digests; send one value per digest"
            )
    return ItemColumns(digests, size, confidence)


def _read_parquet(file: IO[bytes]) -> ItemColumns:
    try:
        opened = parquet.ParquetFile(file)
        _check_schema(opened.schema_arrow)
        groups = [opened.metadata.row_group(i) for i in range(opened.metadata.num_row_groups)]
        _check_size(opened.metadata.num_rows, sum(group.total_byte_size for group in groups))
        return _read_table(_with_dictionary(file, opened, groups).read())
    except (pa.ArrowException, OSError, ValueError) as error:
        raise Malformed(
            "The body is not a valid Parquet file: it is incomplete, damaged or of another format. Send the whole file."
        ) from error


def _with_dictionary(file: IO[bytes], opened: Any, groups: list[Any]) -> Any:
    """Return the same file, opened with a dictionary for the column `digest`.

    Without a dictionary, a body with one long value in every row would fill the memory before the length of its values
    is checked.
    """
    schema = opened.metadata.schema
    number = next(i for i in range(len(schema)) if schema.column(i).name == "digest")
    if schema.column(number).physical_type != "BYTE_ARRAY":
        return opened
    if any(name.startswith("DELTA") for group in groups for name in group.column(number).encodings):
        raise Unprocessable.at(
            "digest",
            f"the column has a delta encoding, which is not supported; write it with the encoding PLAIN or with a "
            f"dictionary, or use the type FIXED_LEN_BYTE_ARRAY of {SIZE} bytes",
        )
    return parquet.ParquetFile(file, read_dictionary=["digest"])


def _read_arrow(file: IO[bytes]) -> ItemColumns:
    try:
        return _read_table(arrow_stream.read(file.read(), _check_schema, _check_size))
    except arrow_stream.InvalidStream as error:
        raise Malformed(f"The body is not a valid Arrow IPC stream: {error}.") from None
    except (pa.ArrowException, OSError, ValueError) as error:
        raise Malformed(
            "The body is not a valid Arrow IPC stream: it is incomplete, damaged or of another format. "
            "Close the writer, then send all bytes that it wrote."
        ) from error


def _check_schema(schema: Any) -> None:
    """Raise Unprocessable if a column or a type is not supported. This is checked before any value is read."""
    names = schema.names
    if "digest" not in names or len(set(names)) < len(names) or set(names) - {"digest", "size", "confidence"}:
        raise Unprocessable.at(
            "columns",
            f"the body has the columns {names}; send the column digest and, if needed, size and confidence, each once",
        )
    for name in names:
        kind = schema.field(name).type
        if name == "digest" and kind not in (pa.binary(SIZE), pa.binary(), pa.large_binary()):
            raise Unprocessable.at(name, f"the column has the type {kind}; send binary values of {SIZE} bytes")
        if name != "digest" and not pa.types.is_integer(kind):
            raise Unprocessable.at(name, f"the column has the type {kind}; send whole numbers")


def _check_size(rows: int, size: int) -> None:
    """Raise Unprocessable if there are too many rows or bytes. This is checked before anything is decompressed."""
    if rows > _MOST_ROWS:
        raise Unprocessable.at(
            f"row {_MOST_ROWS}", f"a body has at most {_MOST_ROWS:,} items; send the items in several requests"
        )
    if size > _MOST_BYTES:
        raise Unprocessable.at(
            "body", f"the body has over {_MOST_BYTES:,} bytes when decompressed; send the items in several requests"
        )


def _read_table(table: Any) -> ItemColumns:
    # offsets in a body may point outside of it, so they must be checked before any value is read
    table.validate(full=True)
    size, confidence = _arrow_column(table, "size", np.uint32), _arrow_column(table, "confidence", np.uint8)
    return ItemColumns(_arrow_digests(table.column("digest")), size, confidence)


def _arrow_digests(column: Any) -> Digests:
    lengths = _lengths(column)
    extremes = compute.min_max(lengths).as_py()
    if column.null_count or (len(column) and extremes != {"min": SIZE, "max": SIZE}):
        # only errors need numpy here: the conversion imports pandas if it is installed, which takes 1 s and 30 MB
        lengths = compute.fill_null(lengths, 0).to_numpy()
        wrong = np.flatnonzero(lengths != SIZE)
        length = lengths[wrong[0]]
        raise Unprocessable.at(f"row {wrong[0]}", f"the digest has {length} bytes; send {SIZE} bytes per digest")
    whole = column.cast(pa.large_binary()).combine_chunks()
    start = whole.offset
    values = np.frombuffer(whole.buffers()[2] or b"", dtype=np.uint8)
    first = int(np.frombuffer(whole.buffers()[1], dtype=np.int64)[start]) if len(whole) else 0
    return values[first : first + SIZE * len(whole)].reshape(-1, SIZE)


def _lengths(column: Any) -> Any:
    """Return the length of each value in bytes, `int[n]`. Each value of a dictionary is measured only once."""
    if not pa.types.is_dictionary(column.type):
        return compute.binary_length(column)
    chunks = [compute.binary_length(chunk.dictionary).take(chunk.indices) for chunk in column.chunks]
    return pa.chunked_array(chunks, pa.int32())


def _arrow_column(table: Any, name: str, dtype: type) -> npt.NDArray[Any] | None:
    if name not in table.column_names:
        return None
    column = table.column(name)
    if column.null_count:
        raise Unprocessable.at(name, f"{column.null_count:,} rows have no value; send a number in every row")
    values = column.to_numpy()
    most = int(np.iinfo(dtype).max)
    outside = np.flatnonzero((values < 0) | (values > most))
    if len(outside):
        raise Unprocessable.at(
            f"row {outside[0]}", f"{name} is {values[outside[0]]}; use a whole number from 0 to {most:,}"
        )
    converted: npt.NDArray[Any] = values.astype(dtype)
    return converted
