"""Files at URLs: found, read and written as files in folders are."""

import json
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from firsthand.errors import ContentError
from firsthand.files import discover, locations
from firsthand.files.locations import Remote
from tests.firsthand.conftest import Firsthand

HUMAN, MADE = [f"people wrote {n}" for n in range(20)], [f"a model wrote {n}" for n in range(10)]


def lines(texts: list[str]) -> bytes:
    return "".join(json.dumps({"text": text}) + "\n" for text in texts).encode()


@pytest.fixture
def bucket() -> Iterator[str]:
    """A store of objects in this process's memory, with a crawl of three shards and a page."""
    memory = fsspec.filesystem("memory")
    memory.pipe("/bucket/crawl/a.jsonl.zst", pa.compress(lines(HUMAN + MADE), "zstd", asbytes=True))
    memory.pipe("/bucket/crawl/deep/b.jsonl", lines(MADE[:2]))
    with memory.open("/bucket/crawl/c.parquet", "wb") as file:
        pq.write_table(pa.table({"text": HUMAN[:3]}), file)
    memory.pipe("/bucket/crawl/page.txt", HUMAN[0].encode())
    memory.pipe("/bucket/crawl/.hidden", b"x")
    yield "memory://bucket/crawl"
    memory.rm("/bucket", recursive=True)


@pytest.fixture
def known(firsthand: Firsthand, tmp_path: Path) -> Firsthand:
    (tmp_path / "human.jsonl").write_bytes(lines(HUMAN))
    (tmp_path / "made.jsonl").write_bytes(lines(MADE))
    firsthand("dataset", "create", "local/texts", "--profile", "text-1")
    firsthand("model", "create", "local/writer@1", "--generation", 1)
    firsthand("register", tmp_path / "human.jsonl", "--dataset", "local/texts", "--human")
    firsthand("register", tmp_path / "made.jsonl", "--dataset", "local/texts", "--model", "local/writer@1")
    return firsthand


def test_a_folder_in_a_store_is_walked_in_the_order_of_names(bucket: str) -> None:
    files = discover.find([bucket])
    assert [str(source.relative) for source in files] == ["a.jsonl.zst", "c.parquet", "deep/b.jsonl", "page.txt"]
    assert str(files[2].path) == f"{bucket}/deep/b.jsonl"
    assert [type(source.row_format).__name__ for source in files] == ["JsonLines", "Parquet", "JsonLines", "NoneType"]


def test_shards_in_a_store_are_checked(known: Firsthand, bucket: str) -> None:
    ran = known("check", bucket, "--json", "--items")
    checked = ran.summary
    assert (checked["counts"]["human"], checked["counts"]["model"], checked["total"]) == (24, 12, 36)
    assert ran.items[0]["item"] == f"{bucket}/a.jsonl.zst:1"
    assert ran.items[-1]["item"] == f"{bucket}/page.txt"


def test_shards_are_filtered_from_a_store_into_a_store_and_a_folder(
    known: Firsthand, bucket: str, tmp_path: Path
) -> None:
    for out in ("memory://bucket/clean", str(tmp_path / "clean")):
        assert "24 of 36 items kept" in known("filter", bucket, "--verdict", "human", "--out", out).out
        kept = discover.find([out])
        assert [str(source.relative) for source in kept] == ["a.jsonl.zst", "c.parquet", "deep/b.jsonl", "page.txt"]
        assert next(iter(discover.batches(kept, "text"))).items == HUMAN
    assert "an" in known("filter", bucket, "--verdict", "human", "--out", bucket, status=1).err


def test_items_in_a_store_can_be_registered(firsthand: Firsthand, bucket: str) -> None:
    firsthand("dataset", "create", "local/files")
    registered = firsthand("register", bucket, "--dataset", "local/files", "--human", "--json").json
    # what stands in two files is in the registration of each
    assert (registered["items"], registered["new"], registered["known"]) == (36, 30, 6)


def test_file_urls_are_paths_and_drives_are_no_urls() -> None:
    assert locations.parse("file:///data/crawl") == Path("/data/crawl")
    assert locations.parse("C:\\crawl") == Path("C:\\crawl")
    assert locations.parse("s3://bucket/x") == Remote("s3://bucket/x")
    assert locations.parse("crawl/2024::1.txt") == Path("crawl/2024::1.txt")


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("memory://bucket/nothing", "memory://bucket/nothing does not exist"),
        ("nosuch://bucket/x", "nosuch://bucket/x cannot be opened: ValueError: Protocol not known: nosuch"),
        (
            "gs://bucket/x",
            "gs://bucket/x cannot be opened: gs:// needs the package gcsfs. Install it with: pip install gcsfs",
        ),
    ],
)
def test_a_store_that_cannot_be_reached_says_what_to_do(bucket: str, url: str, says: str) -> None:
    with pytest.raises(ContentError, match=says):
        discover.find([url])
