"""What a program may hand over as an item, and what is refused because it could be meant in two ways."""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from firsthand.core.digests import Profile, digest_text, to_bytes
from firsthand.errors import ContentError
from firsthand.files.inputs import Digest, Digested, Item, Items, both_profiles, in_batches
from tests.factories import digest, digests


def hashed(items: Items, profile: Profile = "bytes-1", size: int = 100) -> list[bytes]:
    return [digest for batch in in_batches(items, profile, size) for digest in to_bytes(batch)]


def test_bytes_texts_files_and_digests_may_stand_side_by_side(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"in a file")
    items: list[Item] = [b"bytes", "text", tmp_path / "file", Digest(digest(1)), Digest.parse("sha256:" + "0f" * 32)]
    assert hashed(items) == [
        sha256(b"bytes").digest(),
        sha256(b"text").digest(),
        sha256(b"in a file").digest(),
        digest(1),
        b"\x0f" * 32,
    ]


def test_under_text_bytes_and_files_are_texts_in_utf8(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("  the same\r\ntext ")
    items: list[Item] = ["the  same\ntext", b"the same\n text", tmp_path / "file"]
    assert set(hashed(items, "text-1")) == {digest_text("the same\ntext")}


def test_bytes_are_content_also_when_there_are_as_many_as_in_a_digest() -> None:
    assert hashed([digest(1)]) == [sha256(digest(1)).digest()]


def test_an_array_of_digests_is_cut_and_an_array_of_rows_is_hashed() -> None:
    batches = list(in_batches(Digested(digests(range(7))), "bytes-1", 3))
    assert [len(batch) for batch in batches] == [3, 3, 1]
    rows = np.arange(12, dtype=np.float32).reshape(4, 3)
    assert hashed(rows, size=3) == [sha256(row.tobytes()).digest() for row in rows]


def test_an_iterator_is_read_as_far_as_its_batches_are() -> None:
    read: list[int] = []

    def items() -> Iterator[str]:
        for n in range(10):
            read.append(n)
            yield str(n)

    batches = in_batches(items(), "bytes-1", 4)
    assert len(next(batches)) == 4
    assert read == [0, 1, 2, 3]
    assert [len(batch) for batch in batches] == [4, 2]


def test_nothing_is_no_batch() -> None:
    assert hashed([]) == hashed(Digested(digests([]))) == hashed(np.empty((0, 5))) == []


@pytest.mark.parametrize("item", [b"bytes", "text", Path("file"), Digest(digest(1))])
def test_one_item_is_not_taken_for_the_sequence_of_its_parts(item: Items) -> None:
    with pytest.raises(TypeError, match=r"pass a list: \[item\]"):
        hashed(item)


def test_an_array_that_looks_like_digests_must_say_so() -> None:
    with pytest.raises(TypeError, match=r"pass Digested\(array\)"):
        hashed(digests(range(3)))


def test_what_is_no_item_is_named_by_its_number() -> None:
    with pytest.raises(TypeError, match=r"item 1: an item must be bytes, str, Path or firsthand\.Digest, not int"):
        hashed(["text", 7])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="Python objects"):
        hashed(np.array([["a"]], dtype=object))


def test_rows_of_an_array_are_no_texts() -> None:
    with pytest.raises(TypeError, match="profile of this dataset is text-1"):
        hashed(np.zeros((2, 3)), "text-1")


def test_what_cannot_be_hashed_is_named_by_its_number(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match=r"item 2: byte 1 is not UTF-8"):
        hashed(["a", "b", b"a\xff"], "text-1")
    with pytest.raises(ContentError, match=r"item 0: .*nowhere"):
        hashed([tmp_path / "nowhere"])


@pytest.mark.parametrize("content", [b"", b"x" * 31, b"x" * 33])
def test_a_digest_has_32_bytes(content: bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Digest(content)


@pytest.mark.parametrize("array", [np.zeros(32, np.uint8), np.zeros((2, 31), np.uint8), np.zeros((2, 32))])
def test_an_array_of_digests_has_32_bytes_a_row(array: np.ndarray) -> None:
    with pytest.raises(ValueError, match=r"digests must be uint8\[n, 32\]"):
        Digested(array)


def test_a_text_is_asked_under_both_profiles_and_what_is_none_under_its_bytes(tmp_path: Path) -> None:
    image, text = tmp_path / "image", tmp_path / "text"
    image.write_bytes(b"\x89PNG" + bytes(5_000))
    text.write_text("a  text")
    late = tmp_path / "late"
    late.write_bytes(b"a" * 5_000 + b"\xff")
    exact = {path: sha256(path.read_bytes()).digest() for path in (image, text, late)}
    assert both_profiles("a  text") == (sha256(b"a  text").digest(), digest_text("a text"))
    assert both_profiles(text) == (exact[text], digest_text("a text"))
    assert both_profiles(image) == (exact[image], exact[image])
    assert both_profiles(late) == (exact[late], exact[late])
    assert both_profiles(Digest(digest(1))) == (digest(1), digest(1))


def test_a_character_that_is_cut_where_the_look_at_a_file_ends_is_still_text(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_text("a" * 4_095 + "ö")
    assert both_profiles(path)[1] == digest_text("a" * 4_095 + "ö")
