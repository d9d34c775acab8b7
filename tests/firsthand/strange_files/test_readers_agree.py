"""All readers agree on every strange file: the same verdicts, or the same refusal in words with file and line."""

import re
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from firsthand import Snapshot
from firsthand.core.verdicts import Verdict
from firsthand.files import discover
from firsthand.files.formats.base import Rows
from tests.firsthand.conftest import Firsthand
from tests.firsthand.strange_files import collection
from tests.firsthand.strange_files.collection import StrangeFile, in_verdicts, written
from tests.firsthand.strange_files.readers import Readers, answered

pytestmark = pytest.mark.slow  # each test is short, and there are more than a thousand

FILES, READABLE = collection.everything(), collection.readable()
REFUSED = [file for file in FILES if file.verdicts is None]
KEPT: tuple[Verdict, ...] = ("model", "human", "unknown")


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Snapshot:
    return Snapshot.open(collection.write_known(tmp_path_factory.mktemp("strange") / "known"))


@pytest.fixture
def readers(known: Snapshot, tmp_path: Path) -> Readers:
    return Readers(tmp_path, known)


def of_files(files: list[StrangeFile]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("file", files, ids=lambda file: file.name)


def test_the_collection_has_many_files_of_every_format() -> None:
    suffixes = Counter(re.sub(r"^[^.]*", "", file.name) for file in FILES)
    assert len(FILES) > 500
    assert {".jsonl", ".csv", ".tsv", ".parquet", ".warc", ".warc.gz", ".warc.zst", ".txt", ".jsonl.xz"} <= set(
        suffixes
    )
    print(len(FILES), "files,", len(REFUSED), "of them refused:", dict(suffixes))


@of_files(READABLE)
def test_every_reader_gives_the_same_verdicts(file: StrangeFile, readers: Readers, tmp_path: Path) -> None:
    path, expected = written(file, tmp_path), in_verdicts(file)
    assert readers.check(path).verdicts == expected
    assert readers.annotate(path).verdicts == expected
    without_null = re.sub("b", "u", (file.verdicts or "").replace("-", ""))
    assert readers.client(path).verdicts == without_null
    if "b" not in (file.verdicts or ""):
        assert readers.datatrove(path).verdicts == without_null


@of_files(READABLE)
def test_what_is_registered_has_the_verdict_that_check_gives(
    file: StrangeFile, readers: Readers, tmp_path: Path
) -> None:
    """A null and bytes that are not text are refused by `register`, with the row; `check` calls them unknown."""
    path, verdicts = written(file, tmp_path), file.verdicts or ""
    answer = readers.register(path, "text-1")
    if "-" in verdicts or "b" in verdicts:
        assert re.search(r"the field 'text' is null|not UTF-8", answer.refusal)
        assert file.name in answer.refusal
    else:
        assert answer.verdicts == verdicts
    if "-" not in verdicts:
        assert readers.register(path, "bytes-1").refusal == ""


@of_files(READABLE)
def test_filter_writes_the_rows_of_each_verdict_and_they_can_be_read(
    file: StrangeFile, readers: Readers, tmp_path: Path
) -> None:
    path, expected = written(file, tmp_path), in_verdicts(file)
    for verdict in KEPT:
        letter = verdict[0]
        answer, out = readers.filter(path, verdict)
        assert answer.verdicts == letter * expected.count(letter)
        if out.exists():
            assert readers.check(out).verdicts == answer.verdicts


@of_files(REFUSED)
def test_every_reader_refuses_with_the_same_words(file: StrangeFile, readers: Readers, tmp_path: Path) -> None:
    path = written(file, tmp_path)
    refusal = readers.check(path).refusal
    assert re.search(file.refusal, refusal), refusal
    assert str(path) in refusal
    assert readers.register(path, "text-1").refusal == refusal
    assert readers.annotate(path).refusal == refusal
    assert readers.client(path).refusal == refusal
    assert readers.datatrove(path).refusal == refusal
    for verdict in KEPT:
        answer, out = readers.filter(path, verdict)
        assert answer.refusal == refusal
        assert not out.exists()


@of_files([file for file in FILES if file.verdicts is None and file.skipped is not None])
def test_bad_rows_can_be_skipped_and_have_no_item(file: StrangeFile, tmp_path: Path) -> None:
    """The rows before and after a bad row are read as they are without it, and each bad row has its error."""
    path = written(file, tmp_path)
    (source,) = discover.find([path])
    assert source.row_format is not None
    parts: list[Rows] = list(source.row_format.read(path, "text", skip=True))
    items = [item for part in parts for item in part.items.to_pylist()]
    numbers = [int(number) for part in parts for number in part.numbers]
    errors = [error for part in parts for error in part.errors]
    assert file.skipped is not None
    bad = [number for number, letter in zip(numbers, file.skipped, strict=True) if letter == "!"]
    assert [error.number for error in errors] == bad
    assert re.search(file.refusal, str(errors[0]))
    assert [item is None for item in items] == [letter in "!-" for letter in file.skipped]


@of_files([file for file in FILES if not file.skipped and file.verdicts is None])
def test_what_is_wrong_with_a_whole_file_is_refused_although_rows_are_skipped(
    file: StrangeFile, tmp_path: Path
) -> None:
    path = written(file, tmp_path)

    def read() -> str:
        for source in discover.find([path]):
            if source.row_format is None:
                source.item()
            else:
                list(source.row_format.read(path, "text", skip=True))
        return ""

    assert re.search(file.refusal, answered(read).refusal)


@of_files([file for file in FILES if re.match(r"(string|large_string|binary)_view\.parquet|with_views", file.name)])
def test_filtered_views_keep_their_type(file: StrangeFile, readers: Readers, tmp_path: Path) -> None:
    path = written(file, tmp_path)
    _, out = readers.filter(path, "human")
    assert pq.read_schema(out).equals(pq.read_schema(path))


def test_commands_print_verdicts_and_refusals(alone: Firsthand, known: Snapshot, tmp_path: Path) -> None:
    """`check` and `filter` end with status 1 and one message for a refused file, and never with a traceback."""
    snapshot = collection.write_known(tmp_path / "known")
    for file in (REFUSED + READABLE)[::9]:
        path = written(file, tmp_path)
        checked = alone(
            "check", path, "--snapshot", snapshot, "--json", "--items", status=0 if file.verdicts is not None else 1
        )
        out = tmp_path / "out" / file.name
        words = ("filter", path, "--snapshot", snapshot, "--verdict", "model", "--out", out)
        filtered = alone(*words, "--json", status=0 if file.verdicts is not None else 1)
        if file.verdicts is not None:
            assert [item["verdict"][0] for item in checked.items] == list(in_verdicts(file))
            assert filtered.json["kept"] == in_verdicts(file).count("m")
        else:
            assert checked.err == filtered.err
            assert re.search(file.refusal, checked.err)
