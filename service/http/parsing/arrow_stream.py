"""Read the items in an Arrow IPC stream from an untrusted caller. No library is used that trusts the stated lengths.

A bulk body has only a few flat columns, so their buffers are read here. Before a buffer is used, a check makes sure
that it is inside the body. Compression, dictionaries and nested types are refused. The memory is at most one copy of
the body.
"""

import struct
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from firsthand.core.digests import SIZE
from service.errors import Malformed, Unprocessable, UnsupportedMedia
from service.http.parsing import arrow_metadata
from service.http.parsing.arrow_metadata import ArrowInvalid, Batch, Column, Message
from service.storage.block_layout import ItemColumns

#: The mark before each message and at the end of a stream. In the format, the end mark is optional. Here it is
#: required: without it, a stream that was cut off between two batches would look complete.
_CONTINUATION = b"\xff\xff\xff\xff"
_END = _CONTINUATION + bytes(4)
#: The first bytes of Arrow's file format, which is a stream with an index.
_FILE = b"ARROW1"

#: The maximum number of batches. Each batch costs about as much time as reading 500 rows.
_MOST_BATCHES = 4_096

#: The type of each column of numbers.
_UNSIGNED: dict[str, type[np.unsignedinteger[Any]]] = {"size": np.uint32, "confidence": np.uint8}


class _Buffers(NamedTuple):
    """The buffers of one column in one batch: the values, which rows are not null, and the offsets if there are any."""

    values: memoryview
    validity: memoryview
    offsets: memoryview


def read(content: bytes, most_rows: int) -> ItemColumns:
    """Return the items in a stream.

    Raises Malformed if the stream is not complete or not valid, Unprocessable (with the column or the row) if its
    columns or values are not accepted, and UnsupportedMedia if its buffers are compressed.
    """
    try:
        return _read(content, most_rows)
    except ArrowInvalid as error:
        raise Malformed(f"The body is not a valid Arrow IPC stream: {error}.") from None


def _read(content: bytes, most_rows: int) -> ItemColumns:
    messages = _messages(content)
    schema, _ = next(messages, (None, None))
    if schema is None:
        raise ArrowInvalid("it has no schema. Send a schema, then record batches")
    if schema.kind != "schema":
        raise ArrowInvalid(f"it has a {schema.kind} where a schema is expected. Send a schema, then record batches")
    columns = arrow_metadata.columns(schema)
    _check(columns)
    parts: dict[str, list[npt.NDArray[Any]]] = {column.name: [] for column in columns}
    rows = 0
    for number, (header, body) in enumerate(messages):
        if number >= _MOST_BATCHES:
            raise Unprocessable.at("body", f"it has more than {_MOST_BATCHES:,} record batches; write larger batches")
        batch = _batch(header)
        if rows + batch.rows > most_rows:
            raise Unprocessable.at(
                f"row {most_rows}", f"a body has at most {most_rows:,} items; send the items in several requests"
            )
        for column, buffers in zip(columns, _buffers(columns, batch, body), strict=True):
            parts[column.name].append(_values(column, buffers, batch.rows, rows))
        rows += batch.rows
    joined = {name: _joined(arrays) for name, arrays in parts.items()}
    if not rows:
        return ItemColumns(np.empty((0, SIZE), dtype=np.uint8))
    return ItemColumns(joined["digest"], joined.get("size"), joined.get("confidence"))


def _messages(content: bytes) -> Iterator[tuple[Message, memoryview]]:
    """Yield each message with its body. Raises ArrowInvalid if a message is not completely in `content`."""
    if content.startswith(_FILE):
        raise ArrowInvalid("it is an Arrow file; write the stream format (in pyarrow: pa.ipc.new_stream)")
    if not content.endswith(_END):
        raise ArrowInvalid("its end marker is missing. Close the writer, then send all bytes that it wrote")
    view, position = memoryview(content), 0
    while content[position : position + 8] != _END:
        if content[position : position + 4] != _CONTINUATION or position + 8 > len(content):
            raise ArrowInvalid(f"there is no message at byte {position:,}")
        (length,) = struct.unpack_from("<i", content, position + 4)
        body = position + 8 + length
        if length < 0 or body > len(content):
            raise ArrowInvalid(f"the message at byte {position:,} is longer than the stream")
        message = arrow_metadata.message(content[position + 8 : body])
        position = body + message.body_length
        if message.body_length < 0 or position > len(content):
            raise ArrowInvalid(f"the message that ends at byte {body:,} has a body that is longer than the stream")
        yield message, view[body:position]
    if position + 8 != len(content):
        raise ArrowInvalid("bytes follow after its end marker. Send only one stream")


def _check(columns: list[Column]) -> None:
    """Raise Unprocessable for other columns or other types, before any batch is read."""
    names = [column.name for column in columns]
    if "digest" not in names or len(set(names)) < len(names) or set(names) - {"digest", "size", "confidence"}:
        raise Unprocessable.at(
            "columns",
            f"the body has the columns {names}; send the column digest and, if needed, size and confidence, each once",
        )
    for column in columns:
        if column.name == "digest" and column.kind not in (f"fixed_size_binary[{SIZE}]", "binary", "large_binary"):
            raise Unprocessable.at(
                "digest", f"the column has the type {column.kind}; send binary values of {SIZE} bytes"
            )
        if column.name != "digest" and column.kind not in _integers:
            raise Unprocessable.at(column.name, f"the column has the type {column.kind}; send whole numbers")


_integers = {f"{sign}int{bits}" for sign in ("", "u") for bits in (8, 16, 32, 64)}


def _batch(header: Message) -> Batch:
    if header.kind != "record batch":
        raise ArrowInvalid(
            f"it has a {header.kind} where a record batch is expected. Send a schema, then record batches"
        )
    batch = arrow_metadata.batch(header)
    if batch.compressed:
        raise UnsupportedMedia(
            "The buffers of the Arrow stream are compressed, which this registry does not support, because digests "
            "do not become smaller. Write the stream without compression."
        )
    if batch.rows < 0:
        raise ArrowInvalid(f"it has a batch of {batch.rows:,} rows")
    return batch


def _buffers(columns: list[Column], batch: Batch, body: memoryview) -> Iterator[_Buffers]:
    """Yield the buffers of each column. Raises ArrowInvalid if a buffer is not inside the body of the batch."""
    expected = sum(3 if column.offsets else 2 for column in columns)
    if len(batch.nodes) != len(columns) or len(batch.buffers) != expected:
        raise ArrowInvalid(f"it has a batch of {len(batch.nodes)} columns and {len(batch.buffers)} buffers")
    if any(node.rows != batch.rows for node in batch.nodes):
        raise ArrowInvalid("it has a batch whose columns have different numbers of rows")
    if any(offset < 0 or length < 0 or offset + length > len(body) for offset, length in batch.buffers):
        raise ArrowInvalid("it has a batch with a buffer outside of its body")
    buffers = iter([body[offset : offset + length] for offset, length in batch.buffers])
    for column, node in zip(columns, batch.nodes, strict=True):
        validity = next(buffers)
        if not validity and node.nulls:
            raise ArrowInvalid(f"its column {column.name} has nulls, but no list of the rows that are null")
        offsets = next(buffers) if column.offsets else body[:0]
        yield _Buffers(next(buffers), validity, offsets)


def _values(column: Column, buffers: _Buffers, rows: int, first: int) -> npt.NDArray[Any]:
    """Return the values of a column in a batch. `first` is the number of the batch's first row in the body."""
    nulls = _nulls(column, buffers.validity, rows)
    if column.name == "digest":
        if nulls is not None and len(nulls):
            raise Unprocessable.at(f"row {first + nulls[0]}", "the digest is missing; send a digest in every row")
        return _digests(column, buffers, rows, first)
    if nulls is not None and len(nulls):
        raise Unprocessable.at(column.name, f"{len(nulls):,} rows have no value; send a number in every row")
    return _numbers(column, buffers.values, rows, first)


def _nulls(column: Column, validity: memoryview, rows: int) -> npt.NDArray[np.intp] | None:
    """Return the rows of a batch that are null. Return None if the column has no nulls."""
    if not validity:
        return None
    bits = np.unpackbits(_array(column, validity, np.dtype("u1"), (rows + 7) // 8), bitorder="little")
    return np.flatnonzero(bits[:rows] == 0)


def _digests(column: Column, buffers: _Buffers, rows: int, first: int) -> npt.NDArray[np.uint8]:
    start = 0
    if column.offsets and rows:
        offsets = _array(column, buffers.offsets, np.dtype(f"<i{column.offsets}"), rows + 1)
        lengths = np.diff(offsets)
        wrong = np.flatnonzero(lengths != SIZE)
        if len(wrong):
            raise Unprocessable.at(
                f"row {first + wrong[0]}", f"the digest has {lengths[wrong[0]]} bytes; send {SIZE} bytes per digest"
            )
        start = int(offsets[0])
    if start < 0 or start + SIZE * rows > len(buffers.values):
        raise ArrowInvalid(f"its column {column.name} refers to values outside of their buffer")
    return np.frombuffer(buffers.values, dtype=np.uint8, count=SIZE * rows, offset=start).reshape(-1, SIZE)


def _numbers(column: Column, values: memoryview, rows: int, first: int) -> npt.NDArray[Any]:
    numbers = _array(column, values, np.dtype(f"<{'i' if column.signed else 'u'}{column.width}"), rows)
    most = int(np.iinfo(_UNSIGNED[column.name]).max)
    outside = np.flatnonzero((numbers < 0) | (numbers > most))
    if len(outside):
        raise Unprocessable.at(
            f"row {first + outside[0]}",
            f"{column.name} is {numbers[outside[0]]}; use a whole number from 0 to {most:,}",
        )
    return numbers.astype(_UNSIGNED[column.name])


def _array(column: Column, buffer: memoryview, dtype: np.dtype[Any], count: int) -> npt.NDArray[Any]:
    """Return the first `count` numbers of a buffer. The buffer can be longer, because writers pad it to 64 bytes.

    Raises ArrowInvalid if the buffer is too short.
    """
    if count * dtype.itemsize > len(buffer):
        raise ArrowInvalid(f"its column {column.name} has a buffer that is too short for its rows")
    return np.frombuffer(buffer, dtype=dtype, count=count)


def _joined(arrays: list[npt.NDArray[Any]]) -> npt.NDArray[Any]:
    return arrays[0] if len(arrays) == 1 else np.concatenate(arrays) if arrays else np.empty(0, dtype=np.uint8)
