"""Reading an Arrow IPC stream message by message, so that its size is known before anything is decompressed.

A compressed buffer can be ten thousand times larger than its message, so the sizes that a batch states are checked
first. pyarrow does not tell them. They are read from the flatbuffer, whose offsets are constants of the format (Arrow
columnar format, "Serialization and Interprocess Communication", and its `Message.fbs`).
"""

import struct
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

#: The end of a stream. The format makes it optional; without it, a stream that was cut off between two batches would
#: look complete.
_END = b"\xff\xff\xff\xff\x00\x00\x00\x00"

#: Fields of the flatbuffer tables Message and RecordBatch, by their numbers.
_HEADER, _LENGTH, _BUFFERS, _COMPRESSION = 2, 0, 2, 3


def read(content: bytes, check_schema: Callable[[Any], None], check_size: Callable[[int, int], None]) -> Any:
    """Return the table in a stream.

    `check_schema` is called before any batch is read; `check_size`, with the rows and decompressed bytes so far, before
    each batch is decompressed. Their exceptions pass. Raises ArrowInvalid or OSError for an incomplete stream.
    """
    messages = _messages(content)
    schema = pa.ipc.read_schema(next(messages))
    check_schema(schema)
    batches, rows, size = [], 0, 0
    for message in messages:
        rows, size = rows + _rows(message), size + _decompressed(message)
        check_size(rows, size)
        batches.append(pa.ipc.read_record_batch(message, schema))
    return pa.Table.from_batches(batches, schema)


def _messages(content: bytes) -> Iterator[Any]:
    """Yield the schema, then the record batches."""
    if not content.endswith(_END):
        raise pa.ArrowInvalid("the end marker is missing: the stream was cut off, or its writer was not closed")
    expected = "schema"
    source = pa.BufferReader(content)
    for message in pa.ipc.MessageReader.open_stream(source):
        if message.type != expected:
            raise pa.ArrowInvalid(f"it has a {message.type} where a {expected} is expected")
        yield message
        expected = "record batch"
    if expected == "schema":
        raise pa.ArrowInvalid("it has no schema")
    if source.tell() != len(content):
        raise pa.ArrowInvalid("bytes follow after its end marker")


def _rows(message: Any) -> int:
    offset = _field(message.metadata, _header(message.metadata), _LENGTH)
    return 0 if offset is None else int(_read(message.metadata, "<q", offset))


def _decompressed(message: Any) -> int:
    """Return the decompressed bytes of a batch. Each compressed buffer begins with its decompressed length."""
    metadata, header = message.metadata, _header(message.metadata)
    if _field(metadata, header, _COMPRESSION) is None:
        return int(message.body.size)
    vector = _field(metadata, header, _BUFFERS)
    if vector is None:
        return 0
    vector += _read(metadata, "<I", vector)
    buffers = [
        struct.unpack_from("<qq", metadata, vector + 4 + 16 * n) for n in range(_read(metadata, "<I", vector))
    ]  # (offset, length) in the body
    return sum(_stated_length(message.body, offset) for offset, length in buffers if length)


def _stated_length(body: Any, offset: int) -> int:
    """Return the length that a buffer states; -1 means that this buffer is not compressed, and counts as 0."""
    stated = _read(body, "<q", offset)
    if stated < -1:
        raise pa.ArrowInvalid(f"it has a buffer of {stated} bytes")
    return max(stated, 0)


def _header(metadata: Any) -> int:
    offset = _field(metadata, _read(metadata, "<I", 0), _HEADER)
    if offset is None:
        raise pa.ArrowInvalid("it has a message without a header")
    return offset + int(_read(metadata, "<I", offset))


def _field(metadata: Any, table: int, number: int) -> int | None:
    """Return the offset of field `number` of a flatbuffer table, or None if the field is absent."""
    vtable = table - _read(metadata, "<i", table)
    slot = 4 + 2 * number
    offset = _read(metadata, "<H", vtable + slot) if slot < _read(metadata, "<H", vtable) else 0
    return table + offset if offset else None


def _read(buffer: Any, number_format: str, offset: int) -> int:
    """Unpack one number. An offset outside of the buffer makes the stream invalid."""
    try:
        if offset >= 0:
            return int(struct.unpack_from(number_format, buffer, offset)[0])
    except struct.error:
        pass
    raise pa.ArrowInvalid(f"it refers to byte {offset}, which is outside of the message")
