"""Several processes share the files: the same answers in the same order, errors that name the file, and a clean end."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from firsthand.checking import process_pool
from firsthand.errors import FirsthandError
from tests.conftest import Registry
from tests.firsthand.checking.test_annotate import TEXTS, write_snapshot
from tests.firsthand.conftest import Firsthand

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
    check = ("check", shards, "--snapshot", write_snapshot(tmp_path / "s", bits=12), "--json")
    one, three = alone(*check).json, alone(*check, "--workers", 3).json
    expected = [told["snapshot"].pop("expected_false_verdicts") for told in (one, three)]
    assert expected[0] == pytest.approx(expected[1])
    assert one == three
    assert one["counts"]["model"] == 2
    assert one["snapshot"]["unconfirmed"] == 3
    assert len(three["items"]) == one["total"] == sum(len(MANY) - n + 1 for n in range(9)) + 30


def test_all_processes_ask_a_registry_at_the_position_before_they_started(
    firsthand: Firsthand, registry: Registry, shards: Path
) -> None:
    client = registry.client()
    client.put_dataset("local/texts", profile="text-1")
    client.register("local/texts", MANY[:3], origin="human")
    told = firsthand("check", shards, "--json", "--summary", "--workers", 2).json
    assert told["position"] == client.position()
    assert told["counts"]["human"] == 3 + 2 + 1 + 3
    past = firsthand("check", shards, "--json", "--summary", "--workers", 2, "--as-of", told["position"] - 1).json
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
    one = alone(*question, "--out", tmp_path / "one", "--json").json
    three = alone(*question, "--out", tmp_path / "three", "--json", "--workers", 3).json
    assert (one["files"], one["items"], one["kept"]) == (three["files"], three["items"], three["kept"])
    assert (one["kept"], one["position"]) == (5, 7)
    assert everything(tmp_path / "one") == everything(tmp_path / "three")
    assert len(everything(tmp_path / "one")) == 9 + 2


def test_a_null_is_unknown_and_kept_where_the_unknown_are(alone: Firsthand, shards: Path, tmp_path: Path) -> None:
    snapshot = write_snapshot(tmp_path / "s")
    told = alone("check", shards / "8.parquet", "--snapshot", snapshot, "--json").json
    assert told["counts"] == {"unknown": 37, "human": 0, "model": 0, "contested": 0}
    words = ("filter", shards / "0.jsonl", "--snapshot", snapshot)
    assert alone(*words, "--verdict", "unknown", "--out", tmp_path / "u", "--json").json["kept"] == 42
    assert (tmp_path / "u" / "0.jsonl").read_text().endswith('{"text": null}\n')
    assert alone(*words, "--verdict", "human", "--out", tmp_path / "h", "--json").json["kept"] == 1


def test_a_filter_by_a_12_bit_snapshot_says_whom_it_did_not_believe(
    alone: Firsthand, shards: Path, tmp_path: Path
) -> None:
    words = ("filter", shards, "--snapshot", write_snapshot(tmp_path / "s", bits=12), "--out", tmp_path / "out")
    said = alone(*words, "--verdict", "human").out
    assert "0 of" in said
    assert "3 look-ups said human and are counted as unknown, for 12 bits are no proof: say --confirm" in said


def test_an_error_in_a_process_names_the_file_and_the_row(alone: Firsthand, shards: Path, tmp_path: Path) -> None:
    (shards / "5a.jsonl").write_text('{"text": "x"}\n{"text": 5}\n')
    words = ("check", shards, "--snapshot", write_snapshot(tmp_path / "s"), "--workers", 2)
    assert "5a.jsonl, line 2: the field 'text' must hold a text, and holds 5" in " ".join(
        alone(*words, status=1).err.split()
    )


def test_a_mix_is_filtered_by_one_process(alone: Firsthand, shards: Path, tmp_path: Path) -> None:
    words = ("filter", shards, "--mix", "0" * 32, "--out", tmp_path / "out", "--workers", 2)
    assert "only one process" in " ".join(alone(*words, status=2).err.replace("│", " ").split())


@contextmanager
def working(how: str) -> Iterator[Callable[[int], Iterator[Any]]]:
    def work(task: int) -> Iterator[Any]:
        if how == "die" and task == 3:
            os.kill(os.getpid(), signal.SIGKILL)
        if how == "fail" and task == 3:
            raise ZeroDivisionError("{braces} are kept")
        if how == "slow first" and task == 0:
            time.sleep(0.5)
        yield task, 0
        yield task, 1
        if how == "long":
            time.sleep(60)

    yield work


def run(how: str, tasks: int, number: int = 3) -> Iterator[Any]:
    return process_pool.run(partial(working, how), range(tasks), number, lambda task: f"file {task}")


@pytest.mark.parametrize("how", ["well", "slow first"])
@pytest.mark.parametrize("number", [1, 3])
def test_results_come_in_the_order_of_tasks_whoever_is_first(how: str, number: int) -> None:
    assert list(run(how, 40, number)) == [(task, part) for task in range(40) for part in range(2)]
    assert list(run(how, 0, number)) == []


@pytest.mark.parametrize(
    ("how", "says"),
    [
        ("die", r"^file 3: the process at work on it ended with -9"),
        ("fail", r"^file 3: ZeroDivisionError: {braces} are"),
    ],
)
def test_a_process_that_dies_or_fails_names_what_it_was_at(how: str, says: str) -> None:
    with pytest.raises(FirsthandError, match=says):
        list(run(how, 10))


def children() -> list[str]:
    return Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()


def test_nobody_is_left_when_no_more_is_asked_for() -> None:
    results = run("long", 10)
    before = set(children())
    assert next(results) == (0, 0)
    begun = time.monotonic()
    results.close()  # type: ignore[attr-defined]
    assert time.monotonic() - begun < 30
    left = [
        child
        for child in set(children()) - before
        if b"resource_tracker" not in Path(f"/proc/{child}/cmdline").read_bytes()
    ]
    assert left == []


@pytest.mark.parametrize("wait", [0.0, 2.0])
def test_an_interrupt_ends_all_processes_in_silence(shards: Path, tmp_path: Path, wait: float) -> None:
    """Ctrl-C as a terminal gives it: to every process of the group."""
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
        started = Path(f"/proc/{check.pid}/task/{check.pid}/children")
        deadline = time.monotonic() + 60
        while len(started.read_text().split()) < 3 and time.monotonic() < deadline:  # two, and multiprocessing's own
            time.sleep(0.01)
        time.sleep(wait)
        os.killpg(check.pid, signal.SIGINT)
        out, err = check.communicate(timeout=60)
    assert check.returncode not in (0, 3)
    assert "Traceback" not in err
    assert out == ""
    assert gone(check.pid)


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
        deadline = time.monotonic() + 60
        while not list(out.glob(".1*.part")) and time.monotonic() < deadline:
            time.sleep(0.005)
        assert list(out.glob(".1*.part"))
        os.killpg(filtering.pid, signal.SIGINT)
        filtering.communicate(timeout=60)
    assert gone(filtering.pid)
    assert list(out.glob(".*")) == []


def gone(group: int) -> bool:
    """Whether no process of a group is left; multiprocessing's own ends when it notices that the others have."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False
