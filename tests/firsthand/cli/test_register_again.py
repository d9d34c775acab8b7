"""A register that was stopped, run again: it goes on, and nothing is registered twice."""

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import parquet

from benchmarks.harness.waiting import PATIENCE_SECONDS, wait_until
from firsthand import Client
from firsthand.files.inputs import REGISTER_BATCH
from tests.conftest import Registry, on_both
from tests.factories import digest, digests
from tests.firsthand.conftest import Firsthand

ROWS = 4 * REGISTER_BATCH + 1_000


def make_a_dataset(registry: Registry) -> None:
    """Make a dataset of texts."""
    client = registry.client()
    client.put_dataset("local/texts", profile="text-1")


pytestmark = pytest.mark.prepare.with_args(make_a_dataset)


def registered(client: Client) -> list[int]:
    """The positions of all registrations."""
    return [statement.position for statement in client.statements() if statement.kind == "registration"]


@dataclass
class StoppedCommand:
    status: int
    #: What the terminal showed.
    shown: str


def stopped(registry: Registry, words: list[str], when: Callable[[], bool], how: signal.Signals) -> StoppedCommand:
    """`firsthand` in a terminal of its own, sent a signal as soon as `when` is so."""
    terminal, end = pty.openpty()
    environment = os.environ | {"FIRSTHAND_URL": registry.url, "FIRSTHAND_API_KEY": registry.api_key, "COLUMNS": "200"}
    with subprocess.Popen(
        [sys.executable, "-m", "firsthand", *words], env=environment, stdin=end, stdout=end, stderr=end,
        start_new_session=True,
    ) as process:  # fmt: skip
        os.close(end)
        os.set_blocking(terminal, False)
        shown = b""

        def it_is_time() -> bool:
            nonlocal shown
            shown += _read(terminal)
            return when() or process.poll() is not None

        wait_until(it_is_time, "the moment comes")
        process.send_signal(how)
        process.wait(PATIENCE_SECONDS)
        shown += _read(terminal)
        os.close(terminal)
    return StoppedCommand(process.returncode, shown.decode(errors="replace"))


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 2**16)
    except (BlockingIOError, OSError):
        return b""  # nothing yet, or nobody there any more


@on_both
def test_stopped_by_ctrl_c_and_by_kill_it_goes_on_and_registers_nothing_twice(
    registry: Registry, client: Client, firsthand: Firsthand, tmp_path: Path
) -> None:
    path = tmp_path / "crawl.parquet"
    parquet.write_table(pa.table({"text": [f"text {n}" for n in range(ROWS)]}), path)
    words = ["register", str(path), "--dataset", "local/texts", "--human", "--sizes"]
    for how, stands in ((signal.SIGINT, 1), (signal.SIGKILL, 2)):
        ended = stopped(registry, words, lambda enough=stands: len(registered(client)) >= enough, how)  # type: ignore[misc]
        print(f"\n{how.name}: {len(registered(client))} of 5 registrations stand; {ended.shown[-200:]!r}")
        assert len(registered(client)) < 5, "it was over before it was stopped"
        if how is signal.SIGINT:
            assert ended.status == 130
            assert f"of {ROWS:,}" in ended.shown
            assert "/s" in ended.shown
            assert "to resume; nothing is registered twice" in ended.shown.splitlines()[-1]
        else:
            assert ended.status == -signal.SIGKILL
    last = firsthand(*words, "--json").json
    assert last["items"] == ROWS
    assert last["registrations"] == registered(client)
    assert len(last["registrations"]) == 5
    assert client.statistics().now.claims == ROWS
    again = firsthand(*words, "--json").json
    assert (again["registrations"], again["new"], again["known"]) == (last["registrations"], 0, ROWS)
    assert registered(client) == last["registrations"]


def test_a_file_that_is_new_beside_others_is_all_that_is_registered(
    client: Client, firsthand: Firsthand, tmp_path: Path
) -> None:
    folder = tmp_path / "crawl"
    folder.mkdir()
    for name in ("b", "c"):
        (folder / f"{name}.jsonl").write_text("".join(f'{{"text": "{name} {n}"}}\n' for n in range(3)))
    words = ("register", folder, "--dataset", "local/texts", "--human", "--json")
    before = firsthand(*words).json["registrations"]
    (folder / "a.jsonl").write_text('{"text": "a"}\n')
    after = firsthand(*words).json["registrations"]
    assert len(before) == 2
    assert after == [before[-1] + 1, *before]
    assert client.statistics().now.claims == 7


def collected(client: Client, firsthand: Firsthand, *words: object) -> str | None:
    (made,) = firsthand("register", *words, "--dataset", "local/texts", "--json").json["registrations"]
    at = client.registration(made).collected_at
    return None if at is None else at.isoformat()


def changed(path: Path, year: int) -> Path:
    moment = datetime(year, 5, 6, 7, 8, 9, tzinfo=UTC).timestamp() + 0.75
    os.utime(path, (moment, moment))
    return path


def test_the_default_time_of_collection_is_that_of_the_newest_file(
    client: Client, firsthand: Firsthand, tmp_path: Path
) -> None:
    for name, year in (("a", 2019), ("b", 2021), ("c", 2020)):
        (tmp_path / name).write_text(name)
        changed(tmp_path / name, year)
    files = [tmp_path / name for name in "abc"]
    assert collected(client, firsthand, *files, "--human") == "2021-05-06T07:08:09+00:00"
    assert (
        collected(client, firsthand, *files, "--human", "--collected-at", "2001-02-03") == "2001-02-03T00:00:00+00:00"
    )
    assert collected(client, firsthand, *files, "--human", "--collected-at", "none") is None
    assert collected(client, firsthand, changed(files[0], 1980), "--human", "--collected-at", "none") is None


def test_a_time_that_an_archive_made_up_is_none(client: Client, firsthand: Firsthand, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a")
    for seconds in (0, 1, 315_532_800):  # Unix, Nix, zip
        os.utime(tmp_path / "a", (seconds, seconds))
        assert collected(client, firsthand, tmp_path / "a", "--human") is None


def test_a_files_own_time_refuses_no_output_of_a_model(client: Client, firsthand: Firsthand, tmp_path: Path) -> None:
    client.put_model("local/m@1", generation=1, served_from=datetime(2022, 1, 1, tzinfo=UTC))
    (tmp_path / "a").write_text("a")
    options = ("--model", "local/m@1")
    assert collected(client, firsthand, changed(tmp_path / "a", 2020), *options) is None
    assert collected(client, firsthand, changed(tmp_path / "a", 2023), *options) == "2023-05-06T07:08:09+00:00"
    refused = firsthand(
        "register", tmp_path / "a", "--dataset", "local/texts", *options, "--collected-at", "2020-01-01", status=1
    )
    assert "first served at 2022-01-01" in refused.err


@pytest.mark.parametrize("form", ["hexadecimal", "bytes"])
def test_rows_that_hold_digests_are_registered_as_they_are(
    client: Client, firsthand: Firsthand, tmp_path: Path, form: str
) -> None:
    path = tmp_path / "crawl.parquet"
    held = [digest(n).hex() if form == "hexadecimal" else digest(n) for n in range(10)]
    parquet.write_table(pa.table({"sha256": held}), path)
    words = ("register", path, "--field", "sha256", "--digests", "--dataset", "local/texts", "--human")
    firsthand(*words)
    assert client.lookup(digests(range(11))).counts() == {"human": 10, "model": 0, "contested": 0, "unknown": 1}
    parquet.write_table(pa.table({"sha256": [held[0], held[1][:-2]]}), path)
    assert "crawl.parquet:2: " in firsthand(*words, status=1).err
    firsthand(*words, "--sizes", status=2)


def test_new_items_are_reported_also_if_the_list_of_registrations_is_long(
    client: Client, firsthand: Firsthand, tmp_path: Path
) -> None:
    for n in range(12):
        (tmp_path / f"{n}.csv").write_text(f"text\n{n}\n")
    printed = firsthand("register", *sorted(tmp_path.glob("*.csv")), "--dataset", "local/texts", "--human").out
    made = registered(client)
    assert f"12 registrations, from {made[0]} to {made[-1]}" in printed
