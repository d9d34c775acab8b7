"""A column is hashed as its items one by one are, whatever Arrow's form of it is."""

import sys
import unicodedata
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firsthand.core.digests import canonical_text
from firsthand.files import arrow_digests
from firsthand.files.arrow_digests import PLAIN, hash_column
from firsthand.files.inputs import Item, hash_both

TEXTS = [
    "plain", "", " ", "two  spaces", "a line\n", "a\nb", "a \nb", "tab\there", "é", "e\u0301", "zero\u200bwidth",
    "日本語", "ｆｕｌｌ", "“quoted” – and…", "emoji 😀", "❤\ufe0f", "\u00a0x", "하\u1161", "Å\u212b", "nul\x00", 
    "line\u2028end",
]  # fmt: skip

KINDS = [
    pa.string(),
    pa.large_string(),
    pa.string_view(),
    pa.binary(),
    pa.large_binary(),
    pa.binary_view(),
    pa.dictionary(pa.int32(), pa.string()),
    pa.dictionary(pa.int8(), pa.large_string()),
]


def column(texts: list[Any], kind: Any) -> Any:
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    if "binary" in str(value):
        texts = [text.encode() if isinstance(text, str) else text for text in texts]
    made = pa.array(texts, value)
    return made.dictionary_encode().cast(kind) if pa.types.is_dictionary(kind) else made


def agree(hashed_column: arrow_digests.HashedColumn, items: list[Item]) -> None:
    exact, text = hash_both(items)
    np.testing.assert_array_equal(hashed_column.exact, exact)
    np.testing.assert_array_equal(hashed_column.text, text)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_every_form_of_a_column_is_hashed_as_its_texts_are(kind: Any) -> None:
    hashed_column = hash_column(column(TEXTS, kind))
    agree(hashed_column, list(TEXTS))
    assert hashed_column.rows.tolist() == list(range(len(TEXTS)))


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_nulls_are_no_items_and_slices_and_chunks_keep_their_rows(kind: Any) -> None:
    made = column(["a", None, "b", "b", None, "c  d"], kind)
    agree(hash_column(made), ["a", "b", "b", "c  d"])
    assert hash_column(made).rows.tolist() == [0, 2, 3, 5]
    agree(hash_column(made[2:]), ["b", "b", "c  d"])
    assert hash_column(made[1:3]).rows.tolist() == [1]
    chunked = pa.chunked_array([made[4:], made[:0], made[1:3]])
    agree(hash_column(chunked), ["c  d", "b"])
    assert hash_column(chunked).rows.tolist() == [1, 3]
    for empty in (made[:0], made[1:2], pa.chunked_array([], kind)):
        assert len(hash_column(empty).rows) == len(hash_column(empty).exact) == 0


def test_bytes_that_are_no_text_have_their_own_digest_alone() -> None:
    items: list[Item] = [b"\xff\x00", b"a  text", b"", b"\x00" * 32]
    agree(hash_column(pa.array(items, pa.binary())), items)
    fixed: list[Item] = [b"ab", b"\xff\xff"]
    agree(hash_column(pa.array(fixed, pa.binary(2))), fixed)
    unchecked = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(b"\0\0\0\0\2\0\0\0"), pa.py_buffer(b"\xffa")])
    agree(hash_column(unchecked), [b"\xffa"])  # Parquet's readers take it on trust that texts are UTF-8


def test_a_dictionary_may_hold_a_null_of_its_own() -> None:
    made = pa.DictionaryArray.from_arrays(pa.array([0, 1, None, 2]), pa.array(["a", None, "b"]))
    assert hash_column(made).rows.tolist() == [0, 3]
    agree(hash_column(made), ["a", "b"])


def test_a_column_of_numbers_is_refused() -> None:
    with pytest.raises(TypeError, match="must hold texts or bytes, but this column holds int64"):
        hash_column(pa.array([1]))


@pytest.mark.slow
@given(
    st.lists(
        st.text(st.sampled_from("ab \n\t\r\u00a0é\u0301\u200b\ufe0f日ｱ\uff9e\u1100\u1161가😀\x1c\x85")), max_size=8
    )
)
def test_no_text_is_taken_for_canonical_that_is_not(texts: list[str]) -> None:
    agree(hash_column(pa.array(texts, pa.string())), list(texts))


@pytest.mark.slow
def test_plain_characters_are_left_as_they_are_beside_any_others() -> None:
    """By the tables of Unicode: no white space, of no combining class, their own NFC, and never a composition's end."""
    every = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code < 0xE000]
    ends = {
        unicodedata.normalize("NFD", character)[-1]
        for character in every
        if len(unicodedata.normalize("NFD", character)) > 1
    }
    for first, last in PLAIN:
        for plain in map(chr, range(first, last + 1)):
            assert canonical_text(f"a{plain}b") == f"a{plain}b", hex(ord(plain))
            assert unicodedata.combining(plain) == 0, hex(ord(plain))
            assert plain not in ends, hex(ord(plain))


def test_a_column_of_nothing_but_nulls_has_no_items() -> None:
    """So Arrow types a part of a file in which the field is null in every row."""
    hashed_column = hash_column(pa.nulls(3))
    assert (hashed_column.exact.shape, hashed_column.text.shape, hashed_column.rows.tolist()) == ((0, 32), (0, 32), [])
