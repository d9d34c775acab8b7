"""Several processes share the files: the same answers in the same order, errors that name the file, and a clean end."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from benchmarks.harness.waiting import PATIENCE_SECONDS, wait_until
from firsthand.checking import process_pool
from firsthand.errors import FirsthandError
from tests.conftest import Registry
from tests.factories import TEXTS, write_snapshot
from tests.firsthand.checking.pool_work import working
from tests.firsthand.conftest import Firsthand

pytestmark = pytest.mark.slow

MANY = [*TEXTS, *(f"nobody's {n}" for n in range(40))]


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """Nine shards of three forms, of which two are packed, and thirty pages."""
    folder = tmp_path / "crawl"
    folder.mkdir()
    for number in range(9):
        texts = [*MANY[number:], None]
        lines = "".join(json.dumps({"text": text}) + "\n" for text in texts).encode()
        match number % 3:
            case 0:
                (folder / f"{number}.jsonl").write_bytes(lines)
            case 1:
                (folder / f"{number}.jsonl.zst").write_bytes(pa.compress(lines, "zstd", asbytes=True))
            case 2:
                pq.write_table(pa.table({"text": texts}), folder / f"{number}.parquet")
    for number in range(30):
        (folder / f"page-{number:02}.txt").write_text(MANY[number])
    return folder


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_three_processes_answer_as_one_does(
    alone: Firsthand, shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRSTHAND_URL", "http://127.0.0.1:9")  # a snapshot takes no network, in any process
    check = ("check", shards, "--snapshot", write_snapshot(tmp_path / "s", bits=12), "--json", "--items", "--by-file")
    by_one, by_three = alone(*check).lines, alone(*check, "--workers", 3).lines
    expected = [checked[-1]["snapshot"].pop("expected_false_verdicts") for checked in (by_one, by_three)]
    assert expected[0] == pytest.approx(expected[1])
    assert by_one == by_three
    assert by_one[-1]["counts"]["model"] == 2
    assert by_one[-1]["snapshot"]["unconfirmed"] == 3
    assert [line["kind"] for line in by_three].count("file") == 9 + 30
    assert (
        [line["kind"] for line in by_three].count("item")
        == by_one[-1]["total"]
        == sum(len(MANY) - n + 1 for n in range(9)) + 30
    )


def test_all_processes_ask_a_registry_at_the_position_before_they_started(
    firsthand: Firsthand, registry: Registry, shards: Path
) -> None:
    client = registry.client()
    client.put_dataset("local/texts", profile="text-1")
    client.register("local/texts", MANY[:3], origin="human")
    checked = firsthand("check", shards, "--json", "--summary", "--workers", 2).json
    assert checked["position"] == client.position()
    assert checked["counts"]["human"] == 3 + 2 + 1 + 3
    past = firsthand("check", shards, "--json", "--summary", "--workers", 2, "--as-of", checked["position"] - 1).json
    assert past["counts"]["human"] == 0


def test_filtering_by_three_processes_writes_the_same_bytes(alone: Firsthand, shards: Path, tmp_path: Path) -> None:
    question = (
        "filter",
        shards,
        "--snapshot",
        write_snapshot(tmp_path / "s"),
        "--verdict",
        "model",
        "--verdict",
        "human",
    )
    by_one = alone(*question, "--out", tmp_path / "one", "--json").json
    by_three = alone(*question, "--out", tmp_path / "three", "--json", "--workers", 3).json
    assert (by_one["files"], by_one["items"], by_one["kept"]) == (
        by_three["files"],
        by_three["items"],
        by_three["kept"],
    )
    assert (by_one["kept"], by_one["position"]) == (5, 7)
    assert everything(tmp_path / "one") == everything(tmp_path / "three")
    assert len(everything(tmp_path / "one")) == 9 + 2


def test_a_null_is_unknown_and_kept_where_the_unknown_are(alone: Firsthand, shards: Path, tmp_path: Path) -> None:
    snapshot = write_snapshot(tmp_path / "s")
    checked = alone("check", shards / "8.parquet", "--snapshot", snapshot, "--json").json
    assert checked["counts"] == {"unknown": 37, "human": 0, "model": 0, "contested": 0}
    words = ("filter", shards / "0.jsonl", "--snapshot", snapshot)
    assert alone(*words, "--verdict", "unknown", "--out", tmp_path / "u", "--json").json["kept"] == 42
    assert (tmp_path / "u" / "0.jsonl").read_text().endswith('{"text": null}\n')
    assert alone(*words, "--verdict", "human", "--out", tmp_path / "h", "--json").json["kept"] == 1


def test_a_filter_by_a_12_bit_snapshot_refuses_to_drop_everything_that_is_human(
    alone: Firsthand, shards: Path, tmp_path: Path
) -> None:
    words = ("filter", shards, "--snapshot", write_snapshot(tmp_path / "s", bits=12), "--out", tmp_path / "out")
    refused = " ".join(alone(*words, "--verdict", "human", "--verdict", "model", status=2).err.split())
    assert "this snapshot has fingerprints of 12 bits, and never answers human" in refused
    assert not (tmp_path / "out").exists()


def test_a_filter_by_a_12_bit_snapshot_says_how_many_human_verdicts_it_did_not_use(
    alone: Firsthand, shards: Path, tmp_path: Path
) -> None:
    words = ("filter", shards, "--snapshot", write_snapshot(tmp_path / "s", bits=12), "--out", tmp_path / "out")
    printed = alone(*words, "--verdict", "human", "--verdict", "unknown").out
    assert "counted as unknown: 3 look-ups with the verdict human, because 12 bits are not certain enough" in printed


def test_an_error_in_a_process_names_the_file_and_the_row(alone: Firsthand, shards: Path, tmp_path: Path) -> None:
    (shards / "5a.jsonl").write_text('{"text": "x"}\n{"text": 5}\n')
    words = ("check", shards, "--snapshot", write_snapshot(tmp_path / "s"), "--workers", 2)
    assert "5a.jsonl, line 2: the field 'text' must hold a text, but holds 5" in " ".join(
        alone(*words, status=1).err.split()
    )


def test_a_mix_is_filtered_by_one_process(alone: Firsthand, shards: Path, tmp_path: Path) -> None:
    words = ("filter", shards, "--mix", "0" * 32, "--out", tmp_path / "out", "--workers", 2)
    assert "only one process" in " ".join(alone(*words, status=2).err.replace("│", " ").split())


def run(how: str, folder: Path, tasks: int, number: int = 3) -> Iterator[Any]:
    return process_pool.run(partial(working, how, folder), range(tasks), number, lambda task: f"file {task}")


@pytest.mark.parametrize(("how", "number"), [("well", 1), ("well", 3), ("first last", 3)])
def test_results_come_in_the_order_of_tasks_whichever_is_done_first(how: str, number: int, tmp_path: Path) -> None:
    assert list(run(how, tmp_path, 40, number)) == [(task, part) for task in range(40) for part in range(2)]
    assert list(run(how, tmp_path, 0, number)) == []


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("die", r"^file 3: the worker process ended with exit status -9"),
        ("fail", r"^file 3: ZeroDivisionError: {braces} are"),
    ],
)
def test_a_process_that_dies_or_fails_names_what_it_was_at(how: str, says: str, tmp_path: Path) -> None:
    with pytest.raises(FirsthandError, match=says):
        list(run(how, tmp_path, 10))


def children() -> list[str]:
    return Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()


def test_closing_the_results_ends_processes_that_are_still_at_work(tmp_path: Path) -> None:
    results = run("for ever", tmp_path, 10)
    before = set(children())
    assert next(results) == (0, 0)
    results.close()  # type: ignore[attr-defined]
    remaining = [
        child
        for child in set(children()) - before
        if b"resource_tracker" not in Path(f"/proc/{child}/cmdline").read_bytes()
    ]
    assert remaining == []


def have_started(check: int) -> bool:
    """Whether the command has two workers; multiprocessing has a process of its own beside them."""
    return len(Path(f"/proc/{check}/task/{check}/children").read_text().split()) >= 3


def have_a_file_open(check: int, folder: Path) -> bool:
    """Whether a worker of the command reads a file of this folder."""
    for child in Path(f"/proc/{check}/task/{check}/children").read_text().split():
        with suppress(FileNotFoundError, PermissionError):  # a process or a file that is gone this moment
            links = [os.readlink(link) for link in Path(f"/proc/{child}/fd").iterdir()]
            if any(link.startswith(str(folder)) for link in links):
                return True
    return False


@pytest.mark.parametrize("moment", ["when the workers have started", "when a worker reads a file"])
def test_an_interrupt_ends_all_processes_in_silence(shards: Path, tmp_path: Path, moment: str) -> None:
    """Ctrl-C as a terminal gives it: to every process of the group. The files are work for many seconds."""
    for number in range(10, 40):
        (shards / f"{number}.jsonl").write_text(
            "".join(json.dumps({"text": f"{n} " * 50}) + "\n" for n in range(20_000))
        )
    command = [sys.executable, "-m", "firsthand", "check", str(shards), "--workers", "2", "--summary"]
    with subprocess.Popen(
        [*command, "--snapshot", str(write_snapshot(tmp_path / "s"))],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    ) as check:
        wait_until(lambda: have_started(check.pid), "two workers start")
        if moment == "when a worker reads a file":
            wait_until(lambda: have_a_file_open(check.pid, shards), "a worker opens a file")
        os.killpg(check.pid, signal.SIGINT)
        out, err = check.communicate(timeout=PATIENCE_SECONDS)
    assert check.returncode not in (0, 3)
    assert "Traceback" not in err
    assert out == ""
    wait_until(lambda: is_gone(check.pid), "no process of the group is left")


def test_an_interrupted_filter_leaves_no_half_written_file(shards: Path, tmp_path: Path) -> None:
    for number in range(10, 14):
        text = "".join(json.dumps({"text": f"{n} " * 50}) + "\n" for n in range(100_000))
        (shards / f"{number}.jsonl").write_text(text)
    out = tmp_path / "out"
    command = [sys.executable, "-m", "firsthand", "filter", str(shards), "--workers", "2", "--verdict", "unknown"]
    with subprocess.Popen(
        [*command, "--snapshot", str(write_snapshot(tmp_path / "s")), "--out", str(out)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        text=True,
    ) as filtering:
        wait_until(lambda: list(out.glob(".1*.part")), "a file is half written")
        os.killpg(filtering.pid, signal.SIGINT)
        filtering.communicate(timeout=PATIENCE_SECONDS)
    wait_until(lambda: is_gone(filtering.pid), "no process of the group is left")
    assert list(out.glob(".*")) == []


def is_gone(group: int) -> bool:
    """Whether no process of a group is left; multiprocessing's own ends when it notices that the others have."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return True
    return False
