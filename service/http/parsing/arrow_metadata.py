"""The metadata of Arrow IPC messages, read from their flatbuffers with every offset checked. Pure Python.

The offsets are constants of the format: Arrow columnar format, "Serialization and Interprocess Communication", with its
`Message.fbs` and `Schema.fbs`. Whatever the bytes are, reading them raises ArrowInvalid or returns; it neither reads
outside of the message nor allocates by a length that the message states.
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

#: The union Type. Only the types of _INT, _BINARY, _FIXED and _LARGE_BINARY are read; the others are named in errors.
_TYPES = """
    null int float binary utf8 bool decimal date time timestamp interval list struct union fixed_size_binary
    fixed_size_list map duration large_binary large_utf8 large_list run_end_encoded binary_view utf8_view list_view
    large_list_view
""".split()  # noqa: SIM905
_INT, _BINARY, _FIXED, _LARGE_BINARY = 2, 4, 15, 19

#: A schema with more columns, or a column with a longer name, is not read to its end.
_MOST_COLUMNS, _MOST_NAME = 20, 80


class ArrowInvalid(ValueError):
    """The bytes are not a complete Arrow IPC stream."""


class Message(NamedTuple):
    """The head of a message: its kind, the bytes of its body, and where its header is in the metadata."""

    kind: str
    body_length: int
    metadata: bytes
    header: int


class Column(NamedTuple):
    """A column of a schema. `offsets` is the bytes of each offset for values of variable length, otherwise 0.

    `width` is the bytes of each value of fixed length; 0 for a type that is not read. `kind` names the type in errors.
    """

    name: str
    kind: str
    width: int
    offsets: int
    signed: bool


class Node(NamedTuple):
    """A column in a batch: its rows, and how many of them are null."""

    rows: int
    nulls: int


class Batch(NamedTuple):
    """The header of a record batch. `buffers` has (offset, length) of each buffer in the body."""

    rows: int
    nodes: list[Node]
    buffers: list[tuple[int, int]]
    compressed: bool


def message(metadata: bytes) -> Message:
    """Read the head of a message. Raises ArrowInvalid."""
    table = _number(metadata, "<I", 0)
    kind = _MESSAGE_KINDS.get(_value(metadata, table, _MESSAGE_KIND, "<B"), "message of an unknown kind")
    body_length = _value(metadata, table, _MESSAGE_BODY_LENGTH, "<q")
    return Message(kind, body_length, metadata, _table(metadata, table, _MESSAGE_HEADER))


def columns(schema: Message) -> list[Column]:
    """Return the columns of a schema, at most 20 of them. Raises ArrowInvalid."""
    data, table = schema.metadata, schema.header
    if _value(data, table, _SCHEMA_ENDIANNESS, "<h") != 0:
        raise ArrowInvalid("its numbers are big-endian; write it little-endian")
    start, length = _vector(data, table, _SCHEMA_FIELDS, width=4)
    fields = [start + 4 * number for number in range(min(length, _MOST_COLUMNS))]
    return [_column(data, field + _number(data, "<I", field)) for field in fields]


def batch(header: Message) -> Batch:
    """Read the header of a record batch. Raises ArrowInvalid."""
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
    """Return where the elements of a vector begin, and how many there are; all of them are in the message."""
    field = _field(data, table, number)
    if field is None:
        return 0, 0
    vector = field + _number(data, "<I", field)
    length = _number(data, "<I", vector)
    if length * width > len(data) - vector - 4:
        raise ArrowInvalid(f"it has a list of {length:,} elements, which is longer than the message")
    return vector + 4, length


def _table(data: bytes, table: int, number: int) -> int:
    """Return where the table to which a field refers begins."""
    field = _field(data, table, number)
    if field is None:
        raise ArrowInvalid("it has a message without a header, or a column without a type")
    return field + _number(data, "<I", field)


def _value(data: bytes, table: int, number: int, number_format: str) -> int:
    """Return a number in a table; 0 if the field is absent, which is the default of every number that is read here."""
    field = _field(data, table, number)
    return 0 if field is None else _number(data, number_format, field)


def _field(data: bytes, table: int, number: int) -> int | None:
    """Return the offset of field `number` of a flatbuffer table, or None if the field is absent."""
    vtable = table - _number(data, "<i", table)
    slot = 4 + 2 * number
    offset = _number(data, "<H", vtable + slot) if slot < _number(data, "<H", vtable) else 0
    return table + offset if offset else None


def _number(data: bytes, number_format: str, offset: int) -> int:
    """Unpack one number. An offset outside of the message makes the stream invalid."""
    try:
        if offset >= 0:
            return int(struct.unpack_from(number_format, data, offset)[0])
    except struct.error:
        pass
    raise ArrowInvalid(f"it refers to byte {offset:,} of a message that has {len(data):,}")
