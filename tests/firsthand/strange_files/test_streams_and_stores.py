"""Streams, folders, stores and clocks that are strange, and what the commands say about them."""

import os
import pickle
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import huggingface_hub.constants
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.registry import _registry, register_implementation

from firsthand import Client, errors
from firsthand.checking.lookup_source import SnapshotSource
from firsthand.errors import ContentError, RowError
from firsthand.files import compression, containers, discover
from firsthand.files.inputs import both_profiles
from firsthand.files.register_batches import RegisterBatch
from tests.factories import NOBODY, write_snapshot
from tests.firsthand.conftest import Firsthand
from tests.firsthand.strange_files import collection

M, H = collection.MODEL[0], collection.HUMAN[0]


@pytest.fixture
def known(tmp_path: Path) -> Path:
    return collection.write_known(tmp_path / "known")


@pytest.fixture
def pipe(tmp_path: Path) -> Iterator[Path]:
    """The path of a pipe, as bash gives it for `<(…)`, with a text that is known under text-1 only."""
    reading, writing = os.pipe()
    os.write(writing, f"  {M}\r\n".encode())
    os.close(writing)
    yield Path(f"/dev/fd/{reading}")
    os.close(reading)


@pytest.mark.slow
def test_a_pipe_is_looked_up_under_both_profiles_as_a_file_is(
    alone: Firsthand, known: Path, pipe: Path, tmp_path: Path
) -> None:
    (tmp_path / "text.txt").write_text(f"  {M}\r\n")
    words = ("--snapshot", known, "--json", "--max-synthetic", "0.5")
    of_file = alone("check", tmp_path / "text.txt", *words, status=3).json
    ran = alone("check", pipe, *words, status=3)
    assert ran.json["counts"] == of_file["counts"]
    assert ran.json["counts"]["model"] == 1
    assert "read as one item, because a pipe has no suffix that shows its format" in ran.err


@pytest.mark.slow
def test_the_content_of_a_pipe_is_filtered(alone: Firsthand, known: Path, pipe: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert alone("filter", pipe, "--snapshot", known, "--verdict", "model", "--out", out, "--json").json["kept"] == 1
    assert (out / pipe.name).read_bytes() == f"  {M}\r\n".encode()


def test_a_client_hashes_a_pipe_under_both_profiles(pipe: Path, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text(f"  {M}\r\n", newline="")
    assert both_profiles(pipe) == both_profiles(tmp_path / "text.txt")


@pytest.mark.slow
def test_standard_input_and_a_substituted_process_are_read(known: Path, tmp_path: Path) -> None:
    check = f"{sys.executable} -m firsthand check --snapshot {known} --json --workers 2"
    for command in (f"echo '{M}' | {check} /dev/stdin", f"{check} <(echo '{M}')", f"{check} /dev/stdin < {tmp_path}/t"):
        (tmp_path / "t").write_text(M + "\n")
        ran = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
        assert '"model":1' in ran.stdout, ran.stderr


def test_a_folder_with_a_link_to_nothing_is_refused(tmp_path: Path) -> None:
    (tmp_path / "crawl").mkdir()
    (tmp_path / "crawl" / "a.txt").write_text(M)
    (tmp_path / "crawl" / "b.txt").symlink_to("nowhere")
    with pytest.raises(ContentError, match=r"crawl/b\.txt is a link to nowhere, which does not exist"):
        discover.find([tmp_path / "crawl"])


def test_a_folder_with_a_link_to_itself_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.txt").symlink_to("a.txt")
    with pytest.raises(ContentError, match=r"a\.txt is a link to a\.txt, which does not exist"):
        discover.find([tmp_path])


def test_a_folder_with_a_pipe_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.txt")
    with pytest.raises(ContentError, match=r"a\.txt is a pipe, a socket or a device, not a file"):
        discover.find([tmp_path])


@pytest.mark.slow
def test_files_that_hold_many_items_and_are_read_as_one_are_named(
    alone: Firsthand, known: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "crawl"
    folder.mkdir()
    for name in ("a.json", "b.arc.gz", "c.bz2", "d.tar", "e.txt", "f.txt.xz", "g.jpeg", "h.jsonl.bz2", "i.wat"):
        (folder / name).write_bytes(compression_of(name, b'{"text": "a"}\n'))
    err = " ".join(alone("check", folder, "--snapshot", known).err.split())
    assert "a.json, " in err
    assert "b.arc.gz, " in err
    assert "c.bz2 and 1 more files: read as one item each, but a file with this suffix usually holds many items" in err
    assert alone("check", folder, "--snapshot", known, "--whole").err == ""
    assert "a.json" in alone("filter", folder, "--snapshot", known, "--verdict", "human", "--out", tmp_path / "o").err
    assert list(containers.remarks(discover.find([folder / "e.txt", folder / "h.jsonl.bz2"]))) == []


def compression_of(name: str, content: bytes) -> bytes:
    return collection.compressed(content, Path(name).suffix)


@pytest.mark.parametrize("year", [10_000, 200_000])
def test_a_file_of_a_year_that_python_does_not_know_has_no_time(
    tmp_path: Path, year: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.txt").write_text(M)
    batch = RegisterBatch(discover.find([tmp_path / "a.txt"]))
    assert batch.last_changed() is not None
    # Not every file system holds such a time.
    monkeypatch.setattr(Path, "stat", lambda _: SimpleNamespace(st_mtime=31_556_952 * (year - 1970)))
    assert batch.last_changed() is None


class BrokenStore(MemoryFileSystem):  # type: ignore[misc]
    """A store whose package raises errors of its own, as those of networks do."""

    protocol = "broken"

    def exists(self, path: str, **kwargs: Any) -> bool:
        if "absent" in path:
            raise RuntimeError("Cannot reach the store\nsecond line")
        return True

    def isdir(self, path: str) -> bool:
        if "folder" in path:
            raise KeyError("isdir")
        return False

    def open(self, path: str, mode: str = "rb", **kwargs: Any) -> Any:
        if "cut" in path:
            return CutOff(b'{"text": "a"}\n' * 100)
        raise RuntimeError("connection lost")


class CutOff:
    """A file whose connection is lost."""

    def __init__(self, content: bytes) -> None:
        self._content = content

    def seekable(self) -> bool:
        return False

    def read(self, size: int) -> bytes:
        content, self._content = self._content, b""
        if not content:
            raise RuntimeError("connection lost")
        return content

    def close(self) -> None:
        pass


@pytest.fixture
def broken_store() -> Iterator[None]:
    register_implementation("broken", BrokenStore, clobber=True)
    yield
    _registry.pop("broken")


@pytest.mark.slow
@pytest.mark.usefixtures("broken_store")
@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("broken://absent/a.jsonl", r"absent/a\.jsonl cannot be opened: RuntimeError: Cannot reach the store\. Check"),
        ("broken://folder/a", "folder/a cannot be opened: KeyError: 'isdir'"),
        ("broken://b/a.jsonl", r"b/a\.jsonl cannot be opened: RuntimeError: connection lost"),
        ("broken://b/a.txt", r"b/a\.txt cannot be opened: RuntimeError: connection lost"),
        ("broken://b/cut.jsonl", r"b/cut\.jsonl cannot be read: .*RuntimeError: connection lost"),
        ("broken://b/a.parquet", r"b/a\.parquet cannot be opened: RuntimeError: connection lost"),
    ],
)
def test_every_error_of_a_store_is_said_in_words(alone: Firsthand, known: Path, url: str, words: str) -> None:
    assert_in_words(alone("check", url, "--snapshot", known, status=1).err, words)


def assert_in_words(err: str, words: str) -> None:
    assert re.search(words, " ".join(err.split())), err
    assert "Traceback" not in err


@pytest.mark.slow
def test_a_store_of_hugging_face_without_a_network_is_refused_in_words(
    alone: Firsthand, known: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    ran = alone("check", "hf://datasets/nobody/nothing/a.jsonl", "--snapshot", known, status=1)
    assert_in_words(ran.err, r"hf://datasets/nobody/nothing/a\.jsonl cannot be opened: .*[Oo]ffline")


@pytest.mark.parametrize(("scheme", "package"), [("s3", "s3fs"), ("gs", "gcsfs"), ("abfs", "adlfs")])
def test_a_store_whose_package_is_missing_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, scheme: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ContentError, match=rf"needs the package {package}. Install it with: pip install {package}"):
        discover.find([f"{scheme}://bucket/a.jsonl"])


@pytest.mark.slow
def test_without_datatrove_its_filter_says_how_to_install_it() -> None:
    code = "import sys; sys.modules['datatrove'] = None; import firsthand.integrations.datatrove"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pip install datatrove orjson regex" in ran.stderr


def test_no_two_pickles_of_a_client_are_equal_so_that_no_engine_answers_from_its_cache() -> None:
    with Client(NOBODY, "a key") as client:
        assert pickle.dumps(client) != pickle.dumps(client)
        with pickle.loads(pickle.dumps(client)) as copy:
            assert copy.url == client.url


@pytest.mark.slow
def test_pickles_of_a_folder_differ_when_another_snapshot_is_in_it(tmp_path: Path) -> None:
    folder = collection.write_known(tmp_path / "snapshot")
    first = pickle.dumps(SnapshotSource(folder))
    assert pickle.dumps(SnapshotSource(folder)) == first
    shutil.rmtree(folder)
    write_snapshot(folder)
    assert pickle.dumps(SnapshotSource(folder)) != first


def test_an_error_of_a_row_names_it_and_travels_to_other_processes() -> None:
    error = pickle.loads(pickle.dumps(RowError("a.csv", "line 3, record 2", 2, "it is bad")))
    assert str(error) == "a.csv, line 3, record 2: it is bad"
    assert (error.file, error.number, error.reason) == ("a.csv", 2, "it is bad")
    assert isinstance(error, errors.ContentError)


@pytest.mark.slow
@pytest.mark.parametrize("ending", [*compression.CODECS])
def test_what_is_written_compressed_is_the_same_each_time_and_can_be_read(tmp_path: Path, ending: str) -> None:
    content = os.urandom(1_000) * 5_000
    for name in ("a", "b"):
        with compression.writing(tmp_path / name, like=Path(f"x{ending}")) as file:
            file.write(content)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
    (tmp_path / "a").rename(tmp_path / f"a{ending}")
    with compression.reading(tmp_path / f"a{ending}") as file:
        assert file.read() == content
