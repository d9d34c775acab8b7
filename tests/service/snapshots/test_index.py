"""The list of snapshots: from an index, which follows the folders."""

import shutil
from pathlib import Path

import pytest

from firsthand.files import atomic
from firsthand.schemas.models import OriginCounts
from firsthand.schemas.snapshots import Summary
from service.snapshots import index
from service.snapshots.index import SnapshotIndex


def summary(id_: str) -> Summary:
    return Summary(id=id_, position=1, policy="strict", bits=12, counts=OriginCounts(), bytes=0)


class Folder:
    """A folder with snapshots, and how often each was opened."""

    def __init__(self, path: Path) -> None:
        self.path, self.opened = path, list[str]()
        self.damaged = set[str]()

    def add(self, *ids: str) -> None:
        for id_ in ids:
            (self.path / id_).mkdir(parents=True)

    def summarize(self, id_: str) -> Summary | None:
        self.opened.append(id_)
        return None if id_ in self.damaged else summary(id_)

    def listed(self, *, by: SnapshotIndex | None = None) -> list[str]:
        summaries = (by or SnapshotIndex(self.path)).listed(self.summarize)
        return sorted(entry.id for entry in summaries)


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "snapshots")


def test_no_folder_has_no_snapshots(folder: Folder) -> None:
    assert folder.listed() == []
    folder.path.mkdir()
    assert folder.listed() == []


def test_each_folder_is_opened_once_by_all_processes_together(folder: Folder) -> None:
    folder.add("a", "b")
    assert [folder.listed() for _ in range(3)] == [["a", "b"]] * 3
    assert sorted(folder.opened) == ["a", "b"]
    folder.add("c")
    assert folder.listed() == ["a", "b", "c"]
    assert sorted(folder.opened) == ["a", "b", "c"]


def test_one_process_sees_what_another_has_added(folder: Folder) -> None:
    folder.add("a")
    here, there = SnapshotIndex(folder.path), SnapshotIndex(folder.path)
    assert folder.listed(by=here) == folder.listed(by=there) == ["a"]
    folder.add("b")
    there.update({"b": summary("b")})
    assert folder.listed(by=here) == ["a", "b"]
    assert folder.opened == ["a"]


def test_what_was_deleted_is_not_listed_and_leaves_the_index(folder: Folder) -> None:
    folder.add("a", "b")
    folder.listed()
    shutil.rmtree(folder.path / "a")
    assert folder.listed() == ["b"]
    SnapshotIndex(folder.path).update({"b": summary("b")})
    assert '"a"' not in (folder.path / index.FILE).read_text()


def test_hidden_folders_and_files_are_no_snapshots(folder: Folder) -> None:
    folder.add("a", ".b.part")
    (folder.path / ".c.lock").touch()
    assert folder.listed() == ["a"]


def test_a_damaged_snapshot_is_opened_once_and_not_listed_until_it_is_built_again(folder: Folder) -> None:
    folder.add("a")
    folder.damaged.add("a")
    assert [folder.listed() for _ in range(2)] == [[], []]
    assert folder.opened == ["a"]
    assert SnapshotIndex(folder.path).is_damaged("a")
    SnapshotIndex(folder.path).update({"a": summary("a")})
    assert folder.listed() == ["a"]
    assert not SnapshotIndex(folder.path).is_damaged("a")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"a": 1}', b"\xff"])
def test_an_index_that_cannot_be_read_is_made_again(folder: Folder, content: bytes) -> None:
    folder.add("a")
    folder.listed()
    (folder.path / index.FILE).write_bytes(content)
    assert folder.listed() == ["a"]
    folder.opened.clear()
    assert folder.listed() == ["a"]
    assert folder.opened == []


def test_a_folder_that_cannot_be_written_is_listed_all_the_same(
    folder: Folder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError("the file system is read-only")

    folder.add("a")
    monkeypatch.setattr(atomic, "write_bytes", refused)
    assert [folder.listed() for _ in range(2)] == [["a"], ["a"]]
