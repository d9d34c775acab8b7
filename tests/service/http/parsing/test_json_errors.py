"""Errors of msgspec: each becomes a sentence that names the field and says what to write instead."""

import msgspec
import pytest

from service.http.parsing import json_errors
from service.registrations import batches

_EXAMPLE = '{"digests": ["sha256:…"]}'


def sentence(decoder: "msgspec.json.Decoder[object]", body: bytes) -> str:
    """Return the sentence for the error of a body."""
    with pytest.raises(json_errors.DECODING_ERRORS) as error:
        decoder.decode(body)
    assert isinstance(error.value, json_errors.DECODING_ERRORS)
    return json_errors.explain(error.value, _EXAMPLE)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"[]", f"send an object with named fields, such as {_EXAMPLE}"),
        (b"{}", 'the field dataset is missing; it must be the name of a dataset, such as "acme/web"'),
        (b'{"colour": 1}', f"there is no field colour; check the spelling, or remove it. Example: {_EXAMPLE}"),
        (b'{"digests": 5}', 'digests must be a list of digests, such as ["sha256:…"]'),
        (b'{"digests": [5]}', "digests[0] must be a digest: sha256: and 64 hexadecimal digits"),
        (b'{"size": [1, -1]}', "size[1] must be a whole number from 0 to 4,294,967,295, such as 312"),
        (b'{"confidence": ["x"]}', "confidence[0] must be a whole number from 0 to 255, such as 204"),
        (b"\xff", f"this is not JSON (the first error is at byte 0); send an object such as {_EXAMPLE}"),
        (b'{"dataset": "\xff"}', f"this is not JSON (it is not UTF-8); send an object such as {_EXAMPLE}"),
        (b'{"dataset"', f"this is not JSON (it ends too early); send an object such as {_EXAMPLE}"),
    ],
)
def test_an_error_says_what_to_write_instead(body: bytes, expected: str) -> None:
    assert sentence(msgspec.json.Decoder(batches._Statement), body) == expected


@pytest.mark.parametrize("name", [*batches._Statement.__struct_fields__])
def test_each_field_of_a_statement_has_a_sentence(name: str) -> None:
    assert sentence(msgspec.json.Decoder(batches._Statement), f'{{"{name}": {{}}}}'.encode()).startswith(
        f"{name} must be "
    )
