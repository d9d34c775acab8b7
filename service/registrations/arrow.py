"""An Arrow IPC stream, read message by message.

Compressed buffers may be ten thousand times larger than their message, so what a batch says of its size is looked at
before it is unpacked. pyarrow does not tell that; the places in the flatbuffer are constants of the format (Arrow
columnar format, "Serialization and Interprocess Communication", and its `Message.fbs`).
"""

import struct
from collections.abc import Callable, Iterator
from typing import Any

import pyarrow as pa

#: The format lets a writer end without it; then a stream that was cut off between two batches would pass for whole.
_END = b"\xff\xff\xff\xff\x00\x00\x00\x00"

#: Fields of the flatbuffer's tables Message and RecordBatch, by their number.
_HEADER, _LENGTH, _BUFFERS, _COMPRESSION = 2, 0, 2, 3


def read(content: bytes, check_schema: Callable[[Any], None], check_size: Callable[[int, int], None]) -> Any:
    """The table in a stream.

    `check_schema` is asked before any batch is read, `check_size` (rows and bytes so far) before each is unpacked;
    what they raise is raised. Raises ArrowInvalid or OSError where this is no whole stream.
    """
    messages = _messages(content)
    schema = pa.ipc.read_schema(next(messages))
    check_schema(schema)
    batches, rows, size = [], 0, 0
    for message in messages:
        rows, size = rows + _rows(message), size + _unpacked(message)
        check_size(rows, size)
        batches.append(pa.ipc.read_record_batch(message, schema))
    return pa.Table.from_batches(batches, schema)


def _messages(content: bytes) -> Iterator[Any]:
    """A schema, then record batches."""
    if not content.endswith(_END):
        raise pa.ArrowInvalid("its end is missing: it was cut off, or its writer was not closed")
    expected = "schema"
    source = pa.BufferReader(content)
    for message in pa.ipc.MessageReader.open_stream(source):
        if message.type != expected:
            raise pa.ArrowInvalid(f"a {message.type} stands where a {expected} should")
        yield message
        expected = "record batch"
    if expected == "schema":
        raise pa.ArrowInvalid("there is no schema in it")
    if source.tell() != len(content):
        raise pa.ArrowInvalid("something stands after its end")


def _rows(message: Any) -> int:
    place = _field(message.metadata, _header(message.metadata), _LENGTH)
    return 0 if place is None else int(_read(message.metadata, "<q", place))


def _unpacked(message: Any) -> int:
    """The bytes of a batch once its buffers are unpacked: each compressed one begins with its length."""
    metadata, header = message.metadata, _header(message.metadata)
    if _field(metadata, header, _COMPRESSION) is None:
        return int(message.body.size)
    vector = _field(metadata, header, _BUFFERS)
    if vector is None:
        return 0
    vector += _read(metadata, "<I", vector)
    places = [
        struct.unpack_from("<qq", metadata, vector + 4 + 16 * n) for n in range(_read(metadata, "<I", vector))
    ]  # (offset, length) in the body
    return sum(_length(message.body, offset) for offset, length in places if length)


def _length(body: Any, offset: int) -> int:
    """-1 says that a buffer among compressed ones was left as it is."""
    said = _read(body, "<q", offset)
    if said < -1:
        raise pa.ArrowInvalid(f"a buffer of {said} bytes")
    return max(said, 0)


def _header(metadata: Any) -> int:
    place = _field(metadata, _read(metadata, "<I", 0), _HEADER)
    if place is None:
        raise pa.ArrowInvalid("a message without a header")
    return place + int(_read(metadata, "<I", place))


def _field(metadata: Any, table: int, number: int) -> int | None:
    """Where field `number` of a flatbuffer table lies, or None where it is left out."""
    vtable = table - _read(metadata, "<i", table)
    slot = 4 + 2 * number
    offset = _read(metadata, "<H", vtable + slot) if slot < _read(metadata, "<H", vtable) else 0
    return table + offset if offset else None


def _read(buffer: Any, form: str, place: int) -> int:
    try:
        return int(struct.unpack_from(form, buffer, place)[0]) if place >= 0 else _outside(place)
    except struct.error:
        return _outside(place)


def _outside(place: int) -> int:
    raise pa.ArrowInvalid(f"it points to byte {place}, outside of itself")
