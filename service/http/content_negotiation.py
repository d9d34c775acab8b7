"""The formats of bulk answers. The `Accept` header of the request selects the format.

All formats are written from Arrow record batches with the same schema. Only the bytes of the last batch are in memory.
"""

import io
from collections.abc import Iterable, Iterator, Sequence
from typing import Annotated, Any

import msgspec
import numpy as np
import pyarrow as pa
from fastapi import Depends, Header
from pyarrow import parquet

from firsthand.core.digests import SIZE, Digests, to_text
from firsthand.core.media_types import ARROW, JSON, NDJSON
from firsthand.core.verdicts import NO_GENERATION, VERDICTS, Codes, Generations
from service.errors import NotAcceptable

#: The name of the header with the position for which a bulk answer was computed.
POSITION = "Firsthand-Position"

#: The Arrow type of a column of verdicts: indices into a dictionary with the names of the four verdicts.
VERDICT = pa.dictionary(pa.int8(), pa.string())


def digest_column(rows: Digests) -> Any:
    """Return `uint8[n, 32]` as an Arrow column."""
    return pa.Array.from_buffers(pa.binary(SIZE), len(rows), [None, pa.py_buffer(np.ascontiguousarray(rows))])


def verdict_column(codes: Codes) -> Any:
    """Return an Arrow column of verdicts, as texts, from their codes."""
    return pa.DictionaryArray.from_arrays(pa.array(codes.view(np.int8)), pa.array(VERDICTS))


def generation_column(generation: Generations) -> Any:
    """Return generations as an Arrow column. NO_GENERATION becomes null."""
    return pa.array(generation, mask=generation == NO_GENERATION)


class AcceptedFormat:
    """A dependency that returns the media type of the answer: that in `offered` which the caller prefers.

    The `Accept` header is read as in RFC 9110, section 12.5.1: for each media type, the most specific range gives its
    `q`. If several media types have the same `q`, or if there is no header, the first one in `offered` is chosen.
    Raises NotAcceptable if the header allows no media type in `offered`.
    """

    def __init__(self, *offered: str) -> None:
        self.offered = offered

    async def __call__(self, accept: Annotated[str | None, Header(include_in_schema=False)] = None) -> str:
        ranges = [_range(text) for text in (accept or "*/*").split(",")]
        preferences = [(_quality(ranges, media), -number, media) for number, media in enumerate(self.offered)]
        quality, _, media = max(preferences)
        if not quality:
            raise NotAcceptable(
                f"The Accept header allows none of the formats of this call. Use one of: {', '.join(self.offered)}."
            )
        return media


def accepted(*offered: str) -> Any:
    """Return the dependency that gives a handler the media type that the caller prefers (see `AcceptedFormat`)."""
    return Depends(AcceptedFormat(*offered))


def _range(text: str) -> tuple[str, float]:
    """Parse `type/subtype;q=0.5` into (type/subtype, 0.5). If `q` is missing or not a number, the second value is 1."""
    media, *parameters = (part.strip().lower() for part in text.split(";"))
    quality = next((part.removeprefix("q=") for part in parameters if part.startswith("q=")), "1")
    try:
        return media, float(quality)
    except ValueError:
        return media, 1.0


def _quality(ranges: Sequence[tuple[str, float]], media: str) -> float:
    for name in (media, media.partition("/")[0] + "/*", "*/*"):
        qualities = [quality for range_name, quality in ranges if range_name == name]
        if qualities:
            return max(qualities)
    return 0.0


def documented(*offered: str, json: dict[str, Any] | None = None) -> dict[int | str, dict[str, Any]]:
    """Return the argument `responses` of a route with a bulk answer: status 200 in each offered format.

    `json` is the schema of the JSON format, if JSON is offered.
    """
    binary, text = {"type": "string", "format": "binary"}, {"type": "string"}
    schemas = {media: text if media == NDJSON else json if media == JSON and json else binary for media in offered}
    header = {"description": "The position for which the answer was computed.", "schema": {"type": "integer"}}
    return {
        200: {
            "description": "The answer, in the format that the `Accept` header selects. A raw digest has 32 bytes.",
            "headers": {POSITION: header},
            "content": {media: {"schema": schema} for media, schema in schemas.items()},
        }
    }


def written(media: str, schema: Any, batches: Iterable[Any]) -> Iterator[bytes]:
    """Yield the bytes of an Arrow IPC stream, a Parquet file or NDJSON, according to `media`, batch by batch.

    All record batches have the schema `schema`.
    """
    if media == NDJSON:
        return (_lines(batch) for batch in batches)
    return _arrow(schema, batches) if media == ARROW else _parquet(schema, batches)


def _arrow(schema: Any, batches: Iterable[Any]) -> Iterator[bytes]:
    sink = _PieceSink()
    with pa.ipc.new_stream(pa.PythonFile(sink, mode="w"), schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
            yield sink.take()
    yield sink.take()


def _parquet(schema: Any, batches: Iterable[Any]) -> Iterator[bytes]:
    """Yield a Parquet file with one row group per batch.

    Digests look random, so neither compression nor a dictionary makes them smaller.
    """
    sink = _PieceSink()
    words = [field.name for field in schema if not pa.types.is_fixed_size_binary(field.type)]
    compression = {field.name: "zstd" if field.name in words else "none" for field in schema}
    with parquet.ParquetWriter(
        pa.PythonFile(sink, mode="w"), schema, compression=compression, use_dictionary=words, write_statistics=words
    ) as writer:
        for batch in batches:
            writer.write_table(pa.Table.from_batches([batch]))
            yield sink.take()
    yield sink.take()


def _lines(batch: Any) -> bytes:
    """Return a batch as NDJSON: one JSON object per row. Digests are written as `sha256:<hex>`."""
    columns = [_plain(column) for column in batch.columns]
    rows = [dict(zip(batch.schema.names, row, strict=True)) for row in zip(*columns, strict=True)]
    return msgspec.json.Encoder().encode_lines(rows)


def _plain(column: Any) -> list[Any]:
    values: list[Any] = column.to_pylist()
    return [to_text(value) for value in values] if column.type == pa.binary(SIZE) else values


class _PieceSink(io.RawIOBase):
    """A write-only file in memory. `take` returns and removes the bytes that were written."""

    def __init__(self) -> None:
        self._written: list[bytes] = []
        self._position = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def write(self, content: Any) -> int:
        piece = bytes(content)
        self._written.append(piece)
        self._position += len(piece)
        return len(piece)

    def take(self) -> bytes:
        """Return all bytes that were written since the last call."""
        taken, self._written = b"".join(self._written), []
        return taken
