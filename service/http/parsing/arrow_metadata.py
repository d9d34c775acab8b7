"""Read the metadata of Arrow IPC messages from their flatbuffers, and check every offset. Pure Python.

The offsets are constants of the format: Arrow columnar format, "Serialization and Interprocess Communication", with its
`Message.fbs` and `Schema.fbs`. For any bytes, these functions return or raise ArrowInvalid. They never read outside of
the message, and never allocate memory for a length that only the message states.
"""

import struct
from typing import NamedTuple

#: Fields of flatbuffer tables, by their numbers in the `.fbs` files.
_MESSAGE_KIND, _MESSAGE_HEADER, _MESSAGE_BODY_LENGTH = 1, 2, 3
_SCHEMA_ENDIANNESS, _SCHEMA_FIELDS = 0, 1
_FIELD_NAME, _FIELD_KIND, _FIELD_TYPE, _FIELD_DICTIONARY = 0, 2, 3, 4
_INT_WIDTH, _INT_SIGNED, _FIXED_WIDTH = 0, 1, 0
_BATCH_LENGTH, _BATCH_NODES, _BATCH_BUFFERS, _BATCH_COMPRESSION = 0, 1, 2, 3

#: The union MessageHeader.
_MESSAGE_KINDS = {1: "schema", 2: "dictionary batch", 3: "record batch", 4: "tensor", 5: "sparse tensor"}

#: The union Type. Only the types _INT, _BINARY, _FIXED and _LARGE_BINARY are supported. The names of the others are
#: used in error messages.
_TYPES = """
    null int float binary utf8 bool decimal date time timestamp interval list struct union fixed_size_binary
    fixed_size_list map duration large_binary large_utf8 large_list run_end_encoded binary_view utf8_view list_view
    large_list_view
""".split()  # noqa: SIM905
_INT, _BINARY, _FIXED, _LARGE_BINARY = 2, 4, 15, 19

#: The maximum numbers that are read: columns of a schema, and bytes of the name of a column. The rest is ignored.
_MOST_COLUMNS, _MOST_NAME = 20, 80


class ArrowInvalid(ValueError):
    """The bytes are not a complete, valid Arrow IPC stream."""


class Message(NamedTuple):
    """The head of a message: its kind, the bytes of its body, its metadata, and the position of its header in them."""

    kind: str
    body_length: int
    metadata: bytes
    header: int


class Column(NamedTuple):
    """A column of a schema.

    `offsets` is the number of bytes of each offset, for values of variable length, otherwise 0. `width` is the number
    of bytes of each value, for values of fixed length, and 0 for a type that is not supported. `kind` is the name of
    the type in error messages.
    """

    name: str
    kind: str
    width: int
    offsets: int
    signed: bool


class Node(NamedTuple):
    """The header of a column in a batch: its number of rows, and its number of nulls."""

    rows: int
    nulls: int


class Batch(NamedTuple):
    """The header of a record batch. `buffers` has the offset and the length of each buffer in the body."""

    rows: int
    nodes: list[Node]
    buffers: list[tuple[int, int]]
    compressed: bool


def message(metadata: bytes) -> Message:
    """Parse the head of a message. Raises ArrowInvalid if it is not valid."""
    table = _number(metadata, "<I", 0)
    kind = _MESSAGE_KINDS.get(_value(metadata, table, _MESSAGE_KIND, "<B"), "message of an unknown kind")
    body_length = _value(metadata, table, _MESSAGE_BODY_LENGTH, "<q")
    return Message(kind, body_length, metadata, _table(metadata, table, _MESSAGE_HEADER))


def columns(schema: Message) -> list[Column]:
    """Return the columns of a schema: the first 20, if it has more. Raises ArrowInvalid if the schema is not valid."""
    data, table = schema.metadata, schema.header
    if _value(data, table, _SCHEMA_ENDIANNESS, "<h") != 0:
        raise ArrowInvalid("its numbers are big-endian; write the stream on a little-endian machine")
    start, length = _vector(data, table, _SCHEMA_FIELDS, width=4)
    fields = [start + 4 * number for number in range(min(length, _MOST_COLUMNS))]
    return [_column(data, field + _number(data, "<I", field)) for field in fields]


def batch(header: Message) -> Batch:
    """Parse the header of a record batch. Raises ArrowInvalid if it is not valid."""
    data, table = header.metadata, header.header
    nodes = _pairs(data, table, _BATCH_NODES)
    compressed = _field(data, table, _BATCH_COMPRESSION) is not None
    rows = _value(data, table, _BATCH_LENGTH, "<q")
    return Batch(rows, [Node(*pair) for pair in nodes], _pairs(data, table, _BATCH_BUFFERS), compressed)


def _column(data: bytes, field: int) -> Column:
    start, length = _vector(data, field, _FIELD_NAME, width=1)
    name = data[start : start + min(length, _MOST_NAME)].decode("utf-8", "replace")
    number = _value(data, field, _FIELD_KIND, "<B")
    kind = _TYPES[number - 1] if 0 < number <= len(_TYPES) else "unknown"
    width, signed = 0, False
    if _field(data, field, _FIELD_DICTIONARY) is not None:
        return Column(name, f"{kind} in a dictionary", 0, 0, False)
    if number == _INT:
        table = _table(data, field, _FIELD_TYPE)
        width, signed = _value(data, table, _INT_WIDTH, "<i") // 8, bool(_value(data, table, _INT_SIGNED, "<B"))
        kind = f"{'int' if signed else 'uint'}{8 * width}"
    elif number == _FIXED:
        width = _value(data, _table(data, field, _FIELD_TYPE), _FIXED_WIDTH, "<i")
        kind = f"{kind}[{width}]"
    return Column(name, kind, width, {_BINARY: 4, _LARGE_BINARY: 8}.get(number, 0), signed)


def _pairs(data: bytes, table: int, number: int) -> list[tuple[int, int]]:
    """Return a vector of structs of two 64-bit numbers. A batch of three columns has at most nine."""
    start, length = _vector(data, table, number, width=16)
    return [struct.unpack_from("<qq", data, start + 16 * row) for row in range(min(length, 3 * _MOST_COLUMNS))]


def _vector(data: bytes, table: int, number: int, width: int) -> tuple[int, int]:
    """Return the position of the first element of a vector, and the number of elements.

    Raises ArrowInvalid if they are not all in the message.
    """
    field = _field(data, table, number)
    if field is None:
        return 0, 0
    vector = field + _number(data, "<I", field)
    length = _number(data, "<I", vector)
    if length * width > len(data) - vector - 4:
        raise ArrowInvalid(f"it has a list of {length:,} elements, which is longer than the message")
    return vector + 4, length


def _table(data: bytes, table: int, number: int) -> int:
    """Return the position of the table to which a field refers. Raises ArrowInvalid if the field is absent."""
    field = _field(data, table, number)
    if field is None:
        raise ArrowInvalid("it has a message without a header, or a column without a type")
    return field + _number(data, "<I", field)


def _value(data: bytes, table: int, number: int, number_format: str) -> int:
    """Return a number in a table, or 0 if the field is absent. All numbers that are read here have the default 0."""
    field = _field(data, table, number)
    return 0 if field is None else _number(data, number_format, field)


def _field(data: bytes, table: int, number: int) -> int | None:
    """Return the offset of field `number` of a flatbuffer table, or None if the field is absent."""
    vtable = table - _number(data, "<i", table)
    slot = 4 + 2 * number
    offset = _number(data, "<H", vtable + slot) if slot < _number(data, "<H", vtable) else 0
    return table + offset if offset else None


def _number(data: bytes, number_format: str, offset: int) -> int:
    """Read one number at an offset. Raises ArrowInvalid if the offset is outside of the message."""
    try:
        if offset >= 0:
            return int(struct.unpack_from(number_format, data, offset)[0])
    except struct.error:
        pass
    raise ArrowInvalid(f"it refers to byte {offset:,} of a message that has only {len(data):,} bytes")
