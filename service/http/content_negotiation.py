"""In which form many items are answered: `Accept` → a media type → bytes, a batch of rows after the other.

A form writes Arrow record batches of one schema; only what the last batch made is held.
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

#: Says at which position a bulk answer is true, in whatever form it comes.
POSITION = "Firsthand-Position"


#: The type of a column of verdicts: places in a dictionary of four words.
VERDICT = pa.dictionary(pa.int8(), pa.string())


def digests(rows: Digests) -> Any:
    """`uint8[n, 32]` as a column."""
    return pa.Array.from_buffers(pa.binary(SIZE), len(rows), [None, pa.py_buffer(np.ascontiguousarray(rows))])


def verdicts(codes: Codes) -> Any:
    """Codes of verdicts as a column of words."""
    return pa.DictionaryArray.from_arrays(pa.array(codes.view(np.int8)), pa.array(VERDICTS))


def generations(generation: Generations) -> Any:
    """Generations as a column; null where there is none."""
    return pa.array(generation, mask=generation == NO_GENERATION)


class Accepted:
    """Which of the forms that a call offers its caller likes best: a dependency. The first one offered is the default.

    By RFC 9110, section 12.5.1: what is named most exactly counts, then its `q`; among equals the order offered.
    """

    def __init__(self, *offered: str) -> None:
        self.offered = offered

    async def __call__(self, accept: Annotated[str | None, Header(include_in_schema=False)] = None) -> str:
        ranges = [_range(text) for text in (accept or "*/*").split(",")]
        liked = [(_quality(ranges, media), -place, media) for place, media in enumerate(self.offered)]
        quality, _, media = max(liked)
        if not quality:
            raise NotAcceptable(
                f"This call answers as {', '.join(self.offered)}; the Accept header admits none of them."
            )
        return media


def accepted(*offered: str) -> Any:
    """`Depends` on the form that the caller likes best."""
    return Depends(Accepted(*offered))


def _range(text: str) -> tuple[str, float]:
    """`type/subtype;q=0.5` → (type/subtype, 0.5). What cannot be read as a number is no preference."""
    media, *parameters = (part.strip().lower() for part in text.split(";"))
    said = next((part.removeprefix("q=") for part in parameters if part.startswith("q=")), "1")
    try:
        return media, float(said)
    except ValueError:
        return media, 1.0


def _quality(ranges: Sequence[tuple[str, float]], media: str) -> float:
    for exactly in (media, media.partition("/")[0] + "/*", "*/*"):
        said = [quality for name, quality in ranges if name == exactly]
        if said:
            return max(said)
    return 0.0


def documented(*offered: str, json: dict[str, Any] | None = None) -> dict[int | str, dict[str, Any]]:
    """The `responses=` of a bulk answer: 200 in each form, of columns but where it is raw."""
    binary, text = {"type": "string", "format": "binary"}, {"type": "string"}
    schemas = {media: text if media == NDJSON else json if media == JSON and json else binary for media in offered}
    header = {"description": "The position at which this is true.", "schema": {"type": "integer"}}
    return {
        200: {
            "description": "In the form that `Accept` asks for; raw digests are 32 bytes each.",
            "headers": {POSITION: header},
            "content": {media: {"schema": schema} for media, schema in schemas.items()},
        }
    }


def written(media: str, schema: Any, batches: Iterable[Any]) -> Iterator[bytes]:
    """Record batches of one schema, piece by piece, as Arrow IPC stream, Parquet or NDJSON."""
    if media == NDJSON:
        return (_lines(batch) for batch in batches)
    return _arrow(schema, batches) if media == ARROW else _parquet(schema, batches)


def _arrow(schema: Any, batches: Iterable[Any]) -> Iterator[bytes]:
    pieces = _Pieces()
    with pa.ipc.new_stream(pa.PythonFile(pieces, mode="w"), schema) as writer:
        for batch in batches:
            writer.write_batch(batch)
            yield pieces.take()
    yield pieces.take()


def _parquet(schema: Any, batches: Iterable[Any]) -> Iterator[bytes]:
    """A row group a batch. Digests are neither packed nor put into a dictionary: they are as good as random."""
    pieces = _Pieces()
    words = [field.name for field in schema if not pa.types.is_fixed_size_binary(field.type)]
    packed = {field.name: "zstd" if field.name in words else "none" for field in schema}
    with parquet.ParquetWriter(
        pa.PythonFile(pieces, mode="w"), schema, compression=packed, use_dictionary=words, write_statistics=words
    ) as writer:
        for batch in batches:
            writer.write_table(pa.Table.from_batches([batch]))
            yield pieces.take()
    yield pieces.take()


def _lines(batch: Any) -> bytes:
    """A JSON object a row; digests as they are written in JSON everywhere."""
    columns = [_plain(column) for column in batch.columns]
    rows = [dict(zip(batch.schema.names, row, strict=True)) for row in zip(*columns, strict=True)]
    return msgspec.json.Encoder().encode_lines(rows)


def _plain(column: Any) -> list[Any]:
    values: list[Any] = column.to_pylist()
    return [to_text(value) for value in values] if column.type == pa.binary(SIZE) else values


class _Pieces(io.RawIOBase):
    """A file that is only written: what was, is taken away piece by piece."""

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
        """All since the last time."""
        taken, self._written = b"".join(self._written), []
        return taken
