"""One writer of files: the old content or the complete new content, and nothing else in the folder."""

import stat
from pathlib import Path

import pytest

from firsthand.files import atomic


def test_a_file_is_replaced_as_a_whole_and_nothing_else_remains(tmp_path: Path) -> None:
    target = tmp_path / "state.json"
    target.write_bytes(b"old")
    with atomic.writing(target, sync=True) as file:
        file.write(b"new")
        assert target.read_bytes() == b"old"
    assert target.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [target]


def test_after_an_error_the_old_content_stands_and_the_temporary_file_is_removed(tmp_path: Path) -> None:
    target = tmp_path / "state.json"
    target.write_bytes(b"old")

    def write_half() -> None:
        with atomic.writing(target) as file:
            file.write(b"half")
            raise RuntimeError("stopped")

    with pytest.raises(RuntimeError, match="stopped"):
        write_half()
    assert target.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_block_that_writes_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic.replacing(tmp_path / "absent"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_private_file_is_readable_by_its_owner_only_from_its_first_moment(tmp_path: Path) -> None:
    target = tmp_path / "key"
    with atomic.writing(target, private=True) as file:
        (temporary,) = tmp_path.iterdir()
        assert stat.S_IMODE(temporary.stat().st_mode) == 0o600
        file.write(b"secret")
    assert stat.S_IMODE(target.stat().st_mode) == 0o600


def test_other_files_have_the_permissions_that_any_new_file_has(tmp_path: Path) -> None:
    (tmp_path / "ordinary").write_bytes(b"")
    atomic.write_bytes(tmp_path / "written", b"")
    assert (tmp_path / "written").stat().st_mode == (tmp_path / "ordinary").stat().st_mode
