"""The user's paths are walked in one order, and each file is an item or a table."""

from pathlib import Path

import pytest

from firsthand.errors import ContentError
from firsthand.files import discover, formats


def make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text('{"text": "x"}\n')


def test_folders_are_walked_in_the_order_of_names_without_what_is_hidden(tmp_path: Path) -> None:
    make(tmp_path, "b.txt", "a/2.txt", "a/1.txt", ".hidden", ".git/config", "c.txt")
    files = discover.find([tmp_path])
    assert [str(source.relative) for source in files] == ["a/1.txt", "a/2.txt", "b.txt", "c.txt"]


def test_a_link_back_to_a_folder_above_is_not_followed(tmp_path: Path) -> None:
    make(tmp_path, "a/1.txt")
    (tmp_path / "a" / "up").symlink_to(tmp_path)
    assert [source.path.name for source in discover.find([tmp_path])] == ["1.txt"]


def test_a_link_to_another_folder_is_followed_for_a_gate_must_see_what_a_trainer_sees(tmp_path: Path) -> None:
    make(tmp_path, "here/1.txt", "far/2.txt")
    (tmp_path / "here" / "shard").symlink_to(tmp_path / "far")
    assert [str(source.relative) for source in discover.find([tmp_path / "here"])] == ["1.txt", "shard/2.txt"]


@pytest.mark.parametrize(
    ("names", "table"),
    [
        (["a.jsonl", "a.ndjson.gz", "a.v2.jsonl", "A.JSONL"], "JsonLines"),
        (["a.csv", "a.tsv", "a.csv.gz"], "Csv"),
        (["a.parquet", "a.pq"], "Parquet"),
        (["a.txt", "a.json", "a.gz", "jsonl", "a.parquet.gz", "a"], "NoneType"),
    ],
)
def test_the_name_says_what_is_a_table(names: list[str], table: str) -> None:
    formats_of_names = [formats.of(Path(name).suffixes) for name in names]
    assert [type(format and format.rows).__name__ for format in formats_of_names] == [table] * len(names)


def test_a_table_may_be_taken_as_one_item(tmp_path: Path) -> None:
    make(tmp_path, "rows.jsonl")
    (source,) = discover.find([tmp_path], whole=True)
    assert source.row_format is None


def test_items_keep_their_order_across_files_and_tables(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discover, "BATCH", 2)
    make(tmp_path, "1.txt", "2.txt", "3.txt", "4.jsonl", "5.txt", "6.jsonl", "7.jsonl")
    named = [batch.names for batch in discover.batches(discover.find([tmp_path]), "text")]
    assert [[Path(name).name for name in names] for names in named] == [
        ["1.txt", "2.txt"],
        ["3.txt"],
        ["4.jsonl:1"],
        ["5.txt"],
        ["6.jsonl:1"],
        ["7.jsonl:1"],
    ]


def test_a_path_that_is_not_there_is_an_error_and_so_is_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(ContentError, match="nowhere does not exist"):
        discover.find([tmp_path / "nowhere"])
    with pytest.raises(ContentError, match="no files in"):
        discover.find([tmp_path])
