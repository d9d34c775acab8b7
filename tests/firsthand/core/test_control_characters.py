"""Control characters of others' texts are escaped, and nothing else is changed."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from firsthand.core.control_characters import escape_controls, escape_controls_in_json

BIDIRECTIONAL = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


def is_control(character: str) -> bool:
    """Whether a terminal could obey the character, by the classes of Unicode."""
    return (
        unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
        or unicodedata.bidirectional(character) in BIDIRECTIONAL
        or character in "\u061c\u200e\u200f"
    )


@pytest.mark.slow
def test_every_control_character_of_unicode_is_escaped_and_no_other() -> None:
    for code in range(0x110000):
        character = chr(code)
        assert (escape_controls(character) != character) == is_control(character), hex(code)
        assert escape_controls(character).isascii() or not is_control(character)


def test_escapes_are_readable_and_chosen_characters_remain() -> None:
    assert escape_controls("a\x1b[2J\x9b\u202eb\tc\r\nd\x7f") == "a\\x1b[2J\\x9b\\u202eb\\tc\\r\\nd\\x7f"
    assert escape_controls("a\n\x07b", keep="\n") == "a\n\\x07b"
    assert escape_controls("grüße – 😀 [bold] :smile:") == "grüße – 😀 [bold] :smile:"


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_a_json_document_keeps_its_value(text: str) -> None:
    document = escape_controls_in_json(json.dumps({text: [text]}, ensure_ascii=False))
    assert json.loads(document) == {text: [text]}
    assert not any(is_control(character) for character in document)
