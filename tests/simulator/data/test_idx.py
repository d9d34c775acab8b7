import gzip
import struct
from pathlib import Path

import numpy as np
import pytest

from simulator.data import idx

NAME = "train-images-idx3-ubyte"
ARRAY = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
CONTENT = bytes([0, 0, 8, 3]) + struct.pack(">III", 2, 3, 4) + ARRAY.tobytes()


def test_an_array_is_read_as_the_format_says(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(CONTENT)
    assert np.array_equal(idx.load(tmp_path, NAME, 3), ARRAY)


def test_a_packed_file_is_the_same_array(tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.gz").write_bytes(gzip.compress(CONTENT))
    assert np.array_equal(idx.load(tmp_path, NAME, 3), ARRAY)


def test_a_missing_file_is_named_both_ways(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=f"does not have the file {NAME}, nor {NAME}.gz"):
        idx.load(tmp_path, NAME, 3)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (CONTENT[:-1], "2 × 3 × 4 = 24 values, but the file has 23"),
        (CONTENT + b"x", "24 values, but the file has 25"),
        (CONTENT[:10], "incomplete: it has 10 bytes"),
        (CONTENT[:2], "begins with 0000, not 00000803"),
        (b"", "begins with , not 00000803"),
        (bytes([0, 0, 8, 1]) + CONTENT[4:], "begins with 00000801, not 00000803"),
        (bytes([0, 0, 0x0D, 3]) + CONTENT[4:], "begins with 00000d03"),
        (b"\x89PNG" + CONTENT[4:], "begins with 89504e47"),
        (CONTENT[:4] + struct.pack(">III", 2**32 - 1, 2**32 - 1, 2**32 - 1), "values, but the file has 0"),
        (CONTENT[:4] + struct.pack(">III", 0, 3, 4), "= 0 values, but the file has 0"),
    ],
)
@pytest.mark.parametrize("packed", [False, True], ids=["plain", "packed"])
def test_what_is_no_whole_file_is_refused_by_name(content: bytes, words: str, packed: bool, tmp_path: Path) -> None:
    path = tmp_path / (f"{NAME}.gz" if packed else NAME)
    path.write_bytes(gzip.compress(content) if packed else content)
    with pytest.raises(ValueError, match=words) as caught:
        idx.load(tmp_path, NAME, 3)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    "damaged",
    [gzip.compress(CONTENT)[:-9], b"plain", gzip.compress(CONTENT)[:10] + b"\xff" * 9],
    ids=["cut off", "not packed", "no stream"],  # what gzip writes holds the time, and every worker must see one name
)
def test_a_packed_file_that_cannot_be_unpacked_is_refused_by_name(damaged: bytes, tmp_path: Path) -> None:
    (tmp_path / f"{NAME}.gz").write_bytes(damaged)
    with pytest.raises(ValueError, match=rf"{NAME}\.gz cannot be decompressed"):
        idx.load(tmp_path, NAME, 3)
