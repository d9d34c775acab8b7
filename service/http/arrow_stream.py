"""Read an Arrow IPC stream message by message, so that its size is known before anything is decompressed.

A decompressed buffer can be ten thousand times larger than its message, so the sizes that a batch states are checked
first. pyarrow has no function for these sizes. So this module reads them from the flatbuffer, whose offsets are
constants of the format (Arrow columnar format, "Serialization and Interprocess Communication", and its `Message.fbs`).
"""

import struct
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

#: The end marker of a stream. The format makes it optional. Here it is required: otherwise a stream that was cut off
#: between two batches would look complete.
_END = b"\xff\xff\xff\xff\x00\x00\x00\x00"

#: Fields of the flatbuffer tables Message and RecordBatch, by their numbers.
_HEADER, _LENGTH, _BUFFERS, _COMPRESSION = 2, 0, 2, 3


class InvalidStream(pa.ArrowInvalid):  # type: ignore[misc]
    """The stream does not have the format. The message is a clause that follows after a colon."""


def read(content: bytes, check_schema: Callable[[Any], None], check_size: Callable[[int, int], None]) -> Any:
    """Return the table in a stream.

    `check_schema` receives the schema before any batch is read. `check_size` receives the number of rows and of
    decompressed bytes so far, before each batch is decompressed. Both refuse the stream by raising an exception.
    Raises InvalidStream, another ArrowInvalid or OSError for an incomplete or invalid stream.
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
    """Yield the message with the schema, then the messages with the record batches."""
    if not content.endswith(_END):
        raise InvalidStream("its end marker is missing. Close the writer, then send all bytes that it wrote")
    expected = "schema"
    source = pa.BufferReader(content)
    for message in pa.ipc.MessageReader.open_stream(source):
        if message.type != expected:
            raise InvalidStream(
                f"it has a {message.type} where a {expected} is expected. Send a schema, then record batches"
            )
        yield message
        expected = "record batch"
    if expected == "schema":
        raise InvalidStream("it has no schema. Send a schema, then record batches")
    if source.tell() != len(content):
        raise InvalidStream("bytes follow after its end marker. Send only one stream")


def _rows(message: Any) -> int:
    offset = _field(message.metadata, _header(message.metadata), _LENGTH)
    return 0 if offset is None else int(_read(message.metadata, "<q", offset))


def _decompressed(message: Any) -> int:
    """Return the decompressed size of a batch, in bytes. Each compressed buffer begins with its decompressed length."""
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
    """Return the decompressed length that a buffer states; 0 for -1, which marks a buffer that is not compressed."""
    stated = _read(body, "<q", offset)
    if stated < -1:
        raise InvalidStream(f"it has a buffer of {stated} bytes. Write the stream again")
    return max(stated, 0)


def _header(metadata: Any) -> int:
    offset = _field(metadata, _read(metadata, "<I", 0), _HEADER)
    if offset is None:
        raise InvalidStream("it has a message without a header. Write the stream again")
    return offset + int(_read(metadata, "<I", offset))


def _field(metadata: Any, table: int, number: int) -> int | None:
    """Return the offset of field `number` of a flatbuffer table, or None if the field is absent."""
    vtable = table - _read(metadata, "<i", table)
    slot = 4 + 2 * number
    offset = _read(metadata, "<H", vtable + slot) if slot < _read(metadata, "<H", vtable) else 0
    return table + offset if offset else None


def _read(buffer: Any, number_format: str, offset: int) -> int:
    """Unpack one number. Raises InvalidStream if the offset is outside of the buffer."""
    try:
        if offset >= 0:
            return int(struct.unpack_from(number_format, buffer, offset)[0])
    except struct.error:
        pass
    raise InvalidStream(f"it refers to byte {offset}, which is outside of the message. Write the stream again")
