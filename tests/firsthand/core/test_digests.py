"""Digest profiles: what exactly is hashed. The vectors never change."""

import re
import subprocess
import unicodedata
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firsthand.core import digests
from tests.factories import crafted

TEXT_VECTORS = [
    ("", "", "nothing"),
    ("Hello, world", "Hello, world", "as it is"),
    ("  Hello,\t \u00a0 world \n", "Hello, world", "runs of white space, and both ends"),
    ("one\r\ntwo\rthree\nfour", "one\ntwo\nthree\nfour", "line ends"),
    ("one \n\n \t\n two", "one\ntwo", "a run that holds a line end is a line end"),
    ("e\u0301t\u00e9", "\u00e9t\u00e9", "NFC"),
    ("zero\u200bwidth\u200d\ufeff\u2060\u00ad", "zerowidth", "zero width"),
    ("heart \u2764\ufe0f", "heart \u2764", "variation selectors"),
    ("signed\ufeff\ufe00\U000e0100\U000e01ef.", "signed.", "a C2PA text wrapper"),
    ("e\u200b\u0301", "\u00e9", "hidden characters go before NFC"),
    ("\u2028a\u2028b\u0085c", "a b c", "other separators are spaces"),
    ("ﬁ \u212b", "ﬁ \u00c5", "no compatibility forms: NFC, not NFKC"),
]


@pytest.mark.parametrize(("text", "canonical", "why"), TEXT_VECTORS, ids=[why for _, _, why in TEXT_VECTORS])
def test_canonical_text_is(text: str, canonical: str, why: str) -> None:
    assert digests.canonical_text(text) == canonical


@given(st.text())
def test_canonical_text_is_canonical_already(text: str) -> None:
    once = digests.canonical_text(text)
    assert digests.canonical_text(once) == once


@given(st.text(st.sampled_from("ab\u00e9\u0301 \t\n\r\x0b\x1c\x85\u00a0\u2003\u2028\u3000\u200b\ufeff\u00ad")))
def test_canonical_text_is_what_its_definition_says_step_by_step(text: str) -> None:
    canonical = unicodedata.normalize("NFC", re.sub("[\u00ad\u200b\ufeff]", "", text))
    canonical = canonical.replace("\r\n", "\n").replace("\r", "\n")
    canonical = re.sub(r"\s+", lambda run: "\n" if "\n" in run[0] else " ", canonical).strip()
    assert digests.canonical_text(text) == canonical


@given(
    st.text(
        st.sampled_from(
            "ab\u00e9\u0301 \t\n\r\x0b\x1c\x85\u00a0\u2003\u2028\u3000\u200b\ufeff\u00ad\U000e0100\ud800\u212b"
        )
    )
)
def test_a_text_that_need_not_be_changed_is_hashed_as_canonical_text_says(text: str) -> None:
    for form in (text, digests.canonical_text(text)):
        assert digests.text_bytes(form) == digests.canonical_text(form).encode("utf-8", "surrogatepass")


def test_the_digests_that_were_written_down_stay() -> None:
    text = "  Der Baum\r\nwächst\u200b "
    assert digests.digest_text(text, "text-1") == sha256("Der Baum\nwächst".encode()).digest()
    written_down = {
        "text-1": "66965387ff3f3bab061976e619104f43c9ff6ef687e4ac670b6f94d449e17f7b",
        "bytes-1": "cd63443f11adcceca604cc100bbe321c6ec8c10841d63e6baf0aa70873bd6120",
    }
    assert {profile: digests.digest_text(text, profile).hex() for profile in digests.PROFILES} == written_down


def test_any_text_has_a_digest_also_with_lone_surrogates() -> None:
    assert digests.digest_text("\ud800", "bytes-1") == sha256(b"\xed\xa0\x80").digest()


def test_the_digest_of_a_file_is_what_sha256sum_says(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(range(256)) * 5_000)
    printed = subprocess.run(["sha256sum", file], capture_output=True, check=True, text=True).stdout.split()[0]
    assert digests.digest_file(file).hex() == printed


def test_a_file_of_text_has_the_digest_of_its_text(tmp_path: Path) -> None:
    file = tmp_path / "file.txt"
    file.write_bytes("  zwölf \r\n".encode())
    assert digests.digest_file(file, "text-1") == digests.digest_text("zwölf")


def test_bytes_that_are_no_text_are_refused_by_name_under_text(tmp_path: Path) -> None:
    file = tmp_path / "image.png"
    file.write_bytes(b"ok \xff\xfe")
    with pytest.raises(ValueError, match=r"image.png is not UTF-8 \(at byte 3\)"):
        digests.digest_file(file, "text-1")


def test_rows_of_an_array_are_their_little_endian_bytes() -> None:
    rows = np.array([[1.5, -2.0], [0.0, 3.25]])
    expected = [sha256(row.tobytes()).digest() for row in rows.astype("<f8")]
    assert digests.to_bytes(digests.digest_rows(rows)) == expected
    assert digests.to_bytes(digests.digest_rows(rows.astype(">f8"))) == expected
    assert digests.to_bytes(digests.digest_rows(np.asfortranarray(rows))) == expected


@given(st.lists(st.binary(min_size=32, max_size=32), max_size=20))
def test_text_and_bytes_and_arrays_of_digests_are_the_same_digests(raw: list[bytes]) -> None:
    array = digests.stack(raw)
    assert digests.to_bytes(array) == raw
    assert digests.from_texts([digests.to_text(digest) for digest in raw]).tolist() == array.tolist()
    assert digests.from_texts([digest.hex() for digest in raw]).tolist() == array.tolist()


@pytest.mark.parametrize("bad", ["", "sha256:", "sha256:" + "0" * 63, "0" * 66, "md5:" + "0" * 60, "z" * 64, " " * 64])
def test_what_is_no_digest_is_refused_with_its_row(bad: str) -> None:
    with pytest.raises(ValueError, match="is not a digest"):
        digests.from_text(bad)
    with pytest.raises(ValueError, match=r"row 1: .* is not a digest"):
        digests.from_texts(["0" * 64, bad, "1" * 64])


def test_a_short_digest_beside_a_long_one_is_not_taken_for_two() -> None:
    with pytest.raises(ValueError, match="row 0"):
        digests.from_texts(["0" * 62, "0" * 66])


@pytest.mark.slow
@given(st.lists(st.binary(min_size=32, max_size=32) | st.sampled_from([bytes(32), b"\x00" * 8 + b"\x01" * 24])))
def test_sorting_keeps_each_digest_once_and_the_row_where_it_was_first(raw: list[bytes]) -> None:
    once, rows = digests.sort_unique(digests.stack(raw))
    assert digests.to_bytes(once) == sorted(set(raw))
    assert rows.tolist() == [raw.index(digest) for digest in sorted(set(raw))]


def test_crafted_digests_are_sorted_by_all_their_bytes() -> None:
    pool = crafted(2_000)
    assert digests.to_bytes(digests.sort_unique(pool)[0]) == sorted(digests.to_bytes(pool))


def test_digests_that_end_in_zeros_stay_apart_as_strings() -> None:
    raw = [bytes(32), bytes(31) + b"\x01", b"\x01" + bytes(31)]
    assert len(np.unique(digests.as_strings(digests.stack(raw)))) == 3
