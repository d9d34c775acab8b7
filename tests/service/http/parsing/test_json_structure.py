"""The depth and the number of values of JSON are those that a parser finds, whatever stands in its texts."""

import json
from io import BytesIO
from typing import Any

import pytest
from hypothesis import given, strategies

from service.errors import Malformed, Unprocessable
from service.http.parsing import json_structure

TEXTS = strategies.text(alphabet='"\\[]{},:a\n\u20ac', max_size=8)
VALUES = strategies.recursive(
    strategies.none() | strategies.integers() | TEXTS,
    lambda values: strategies.lists(values, max_size=4) | strategies.dictionaries(TEXTS, values, max_size=4),
    max_leaves=30,
)


def depth(value: Any) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


def count(value: Any) -> int:
    if isinstance(value, dict):
        value = list(value.values())
    return 1 + sum(map(count, value)) if isinstance(value, list) else 1


@pytest.mark.slow
@given(value=VALUES, ascii_only=strategies.booleans(), indent=strategies.sampled_from([None, 1]))
def test_what_is_measured_is_what_is_parsed(value: Any, ascii_only: bool, indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode()
    measured = json_structure.measure(text)
    assert measured.depth == depth(value)
    assert count(value) <= measured.values <= 2 * count(value)


@pytest.mark.slow
@given(text=strategies.text(alphabet='"\\[]{},', max_size=60).map(str.encode), piece=strategies.integers(1, 7))
def test_the_size_of_the_pieces_does_not_matter(text: bytes, piece: int) -> None:
    whole = json_structure.measure(text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_structure, "_PIECE", piece)
        assert json_structure.measure(text) == whole


@given(text=strategies.binary(max_size=200))
def test_what_is_no_json_is_measured_too(text: bytes) -> None:
    json_structure.measure(text)


def test_a_text_longer_than_a_piece_keeps_its_depth_and_its_texts_from_piece_to_piece(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    value = {"a": [["x[,]", {"b": '\\"}'}], "[" * 9]}
    whole = json_structure.measure(json.dumps(value).encode())
    monkeypatch.setattr(json_structure, "_PIECE", 3)
    assert json_structure.measure(json.dumps(value).encode()) == whole
    assert whole.depth == 4


def test_a_file_is_checked_from_its_position_and_left_there() -> None:
    file = BytesIO(b"[" * 40 + b"[1, 2]")
    file.seek(40)
    json_structure.check_file(file, 10)
    assert file.read() == b"[1, 2]"
    file.seek(0)
    with pytest.raises(Malformed):
        json_structure.check_file(file, 10)


def test_what_is_too_deep_or_too_much_is_refused_before_it_is_parsed() -> None:
    json_structure.check(b"[" * 32 + b"]" * 32, 1_000)
    json_structure.check(json.dumps({"title": "[{" * 1_000}).encode(), 1_000)
    with pytest.raises(Malformed, match="more than 32 nested levels"):
        json_structure.check(b"[" * 33 + b"]" * 33, 1_000)
    with pytest.raises(Unprocessable, match="over 1,000 values; send several requests"):
        json_structure.check(b"[" + b"[]," * 2**21 + b"0]", 1_000)
