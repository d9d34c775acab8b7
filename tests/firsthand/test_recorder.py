"""The Recorder: never waits, loses nothing that is spooled, and says what it did."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from benchmarks.harness.served_registry import serve
from benchmarks.harness.waiting import wait_until
from firsthand import Client, Recorder, SpoolFull
from firsthand.core.digests import digest_text
from firsthand.core.verdicts import IS_MODEL
from firsthand.errors import NotFound
from firsthand.recorder import default_folder
from firsthand.spool.segment import HEADER_BYTES, RECORD_BYTES
from firsthand.spool.sender import WrongProfile
from tests.conftest import Registry, on_both
from tests.factories import NOBODY, answer, small_disk
from tests.firsthand.conftest import Firsthand


def make_a_dataset_and_a_model(registry: Registry) -> None:
    """Make a dataset for the answers of a model of generation 1."""
    client = registry.client()
    client.put_dataset("local/answers", profile="text-1")
    client.put_model("local/m@1", generation=1)


pytestmark = pytest.mark.prepare.with_args(make_a_dataset_and_a_model)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "spool"


@pytest.fixture
def nobody() -> Iterator[Client]:
    with Client(NOBODY, retries=0) as client:
        yield client


def recorder(client: Client, folder: Path, **more: Any) -> Recorder:
    settings: dict[str, Any] = {"model": "local/m@1", "dataset": "local/answers", "seconds": 60.0, **more}
    return Recorder(client, spool=folder, **settings)


def known(client: Client, numbers: range) -> int:
    """How many of the texts are known as a model's."""
    return int((client.check([answer(n) for n in numbers]).verdict == IS_MODEL).sum())


def claims(client: Client) -> int:
    return client.statistics().now.claims


@on_both
def test_what_is_added_is_registered_as_the_models_output_of_that_day(client: Client, folder: Path) -> None:
    noon = datetime(2026, 5, 1, 12, 34, 56, tzinfo=UTC).timestamp()
    with recorder(client, folder, clock=lambda: noon, sizes=True) as records:
        assert all([records.add(answer(n)) for n in range(25)])
        assert records.counts.waiting == 25
        assert records.flush(120)
        assert (records.counts.sent, records.counts.waiting, records.counts.problem) == (25, 0, None)
    (made,) = [client.registration(s.position) for s in client.statements() if s.kind == "registration"]
    assert (made.items, made.model, made.generation, made.evidence) == (25, "local/m@1", 1, "generator")
    assert made.collected_at == datetime(2026, 5, 1, tzinfo=UTC)
    assert made.columns == ["size"]
    assert known(client, range(25)) == 25


def test_each_day_is_a_registration(client: Client, folder: Path) -> None:
    times = iter([86_400.0 * 20_000 + 86_399, 86_400.0 * 20_001])
    with recorder(client, folder, clock=lambda: next(times)) as records:
        records.add(answer(1))
        records.add(answer(2))
    made = [client.registration(s.position) for s in client.statements() if s.kind == "registration"]
    assert [(registration.items, registration.collected_at) for registration in made] == [
        (1, datetime.fromtimestamp(86_400 * day, UTC)) for day in (20_000, 20_001)
    ]


def test_the_day_on_which_a_model_is_first_served_begins_when_it_is(client: Client, folder: Path) -> None:
    served_from = datetime(2026, 5, 1, 9, 30, tzinfo=UTC)
    client.put_model("local/new@1", served_from=served_from)
    with recorder(client, folder, model="local/new@1", clock=lambda: served_from.timestamp() + 60) as records:
        records.add(answer(1))
        assert records.flush(120), records.counts.problem
    (made,) = [client.registration(s.position) for s in client.statements() if s.kind == "registration"]
    assert made.collected_at == served_from


def test_items_withdrawn_before_their_answer_arrived_are_not_sent_again_and_again(
    registry: Registry, client: Client, folder: Path
) -> None:
    deaf = Client(registry.url, registry.api_key, retries=0, transport=LosesAnswers(1, "/registrations"))
    with deaf, recorder(deaf, folder) as records:
        records.add(answer(1))
        assert not records.flush(120)
        (made,) = [s.position for s in client.statements() if s.kind == "registration"]
        client.withdraw(made)
        assert records.flush(120), records.counts.problem
    assert claims(client) == 0


def test_short_texts_are_counted_and_never_claimed(client: Client, folder: Path) -> None:
    with recorder(client, folder) as records:
        assert not records.add("Yes.")
        assert not records.add("Yes." + " " * 1_000)  # what is hashed of it is as short
        assert not records.add("x" * 199)
        assert records.add("x" * 200)
        assert records.add("é" * 100)
        assert (records.counts.short, records.counts.spooled) == (3, 2)
    assert claims(client) == 2
    with pytest.raises(NotFound):
        client.registration(99)


def test_items_are_sent_by_themselves_by_number_and_by_age(client: Client, folder: Path) -> None:
    with recorder(client, folder / "many", batch=10) as many:
        for n in range(25):
            many.add(answer(n))
        wait_until(lambda: many.counts.sent == 20)
        assert many.counts.waiting == 5
    with recorder(client, folder / "old", seconds=0.2) as old:
        old.add(answer(100))
        wait_until(lambda: old.counts.sent == 1)


def test_nothing_is_lost_while_no_registry_answers(nobody: Client, client: Client, folder: Path) -> None:
    with recorder(nobody, folder, batch=10) as records:
        for n in range(25):
            assert records.add(answer(n))
        assert not records.flush(120)
        assert records.counts.waiting == 25
        assert "No registry answers" in (records.counts.problem or "")
    assert claims(client) == 0
    with recorder(client, folder) as later:
        assert later.counts.waiting == 25
        assert later.flush(120)
        assert later.counts.sent == 25
    assert known(client, range(25)) == claims(client) == 25
    assert os.listdir(folder) == ["lock"]


@pytest.mark.slow
def test_a_registry_that_goes_and_comes_back_has_everything(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(tmp_path / "registry") as first:
        port = first.port
        client = Client(first.url, retries=0)
        client.put_dataset("local/answers", profile="text-1")
        client.put_model("local/m@1", generation=1)
        records = recorder(client, tmp_path / "spool", seconds=0.1, batch=50)
        for n in range(100):
            records.add(answer(n))
        wait_until(lambda: records.counts.sent == 100)
        first.stop()
    for n in range(100, 300):
        assert records.add(answer(n))
    wait_until(lambda: records.counts.problem is not None)
    with serve(tmp_path / "registry", "--port", str(port)):
        for n in range(300, 400):
            assert records.add(answer(n))
        assert records.flush(120)
        records.close()
        assert known(client, range(400)) == claims(client) == 400
        client.close()


ADDS = """
import sys
from firsthand import Client, Recorder
from tests.factories import answer

url, key, folder = sys.argv[1:4]
records = Recorder(Client(url, key), model="local/m@1", dataset="local/answers", spool=folder, batch=200, seconds=0.05)
for n in range(1_000_000):
    assert records.add(answer(n))
    if n % 50 == 0:
        print(n, flush=True)  # so many are spooled at least
"""


@on_both
def test_no_spooled_item_is_lost_on_sigkill_and_none_is_registered_twice(
    registry: Registry, client: Client, folder: Path
) -> None:
    spooled = []
    for number in range(4):
        command = [sys.executable, "-c", ADDS, registry.url, registry.api_key, str(folder)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            for line in process.stdout:
                if int(line) >= 1_000 * (number + 1):
                    process.send_signal(signal.SIGKILL)
                    break
            spooled.append(int([line, *process.stdout.read().splitlines()][-1]))
    with recorder(client, folder) as later:
        assert later.flush(120)
        assert later.counts.damaged == 0
    assert known(client, range(max(spooled) + 1)) == max(spooled) + 1
    # each process began anew with the same texts: a claim for each that it spooled, and none for one sent again
    assert sum(spooled) < claims(client) <= sum(last + 50 for last in spooled)


class LosesAnswers(httpx2.BaseTransport):
    """A line that breaks after the registry has done what a path was asked, the first `times` times."""

    def __init__(self, times: int, path: str) -> None:
        self._line, self._times, self._path = httpx2.HTTPTransport(), times, path

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        answer = self._line.handle_request(request)
        if request.url.path.endswith(self._path) and self._times:
            self._times -= 1
            answer.close()
            raise httpx2.ReadError("the line broke", request=request)
        return answer

    def close(self) -> None:
        self._line.close()


def test_what_was_sent_without_the_answer_being_heard_is_registered_once(
    registry: Registry, client: Client, folder: Path
) -> None:
    with Client(registry.url, registry.api_key, retries=0, transport=LosesAnswers(1, "/registrations")) as deaf:
        first = recorder(deaf, folder)
        first.add(answer(1))
        assert not first.flush(120)
        assert claims(client) == 1
        assert first.flush(120)
        first.add(answer(1))  # the model said it again: that is another occasion
        first.close()
    assert claims(client) == 2


def test_items_stay_their_models_when_the_next_recorder_is_anothers(
    nobody: Client, client: Client, folder: Path
) -> None:
    client.put_model("local/m@2", generation=2)
    with recorder(nobody, folder) as old:
        old.add(answer(1))
    with recorder(client, folder, model="local/m@2") as new:
        new.add(answer(2))
    assert client.check([answer(1), answer(2)]).generation.tolist() == [1, 2]


def test_recorders_that_share_a_folder_leave_each_other_alone(client: Client, nobody: Client, folder: Path) -> None:
    with recorder(nobody, folder) as first:
        first.add(answer(1))
        with recorder(client, folder) as other:
            other.add(answer(2))
            assert other.flush(120)
            assert other.counts.sent == 1
            assert first.counts.waiting == 1
        assert first.counts.waiting == 1
    with recorder(client, folder) as last:
        assert last.flush(120)
    assert known(client, range(1, 3)) == 2


def test_refused_items_are_kept_apart_and_make_no_later_flush_fail(
    client: Client, nobody: Client, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with recorder(nobody, folder, dataset="local/later") as early:  # no registry answers, so nothing is checked
        early.add(answer(1))
    with recorder(client, folder) as records:
        records.add(answer(2))
        assert not records.flush(120)  # one segment is refused now
        assert records.flush(120)
        records.add(answer(3))
        assert records.flush(120)
        counts = records.counts
        assert (counts.sent, counts.waiting, counts.refused, counts.problem) == (2, 0, 1, None)
        assert "no dataset local/later" in (counts.refusal or "")
    assert "firsthand spool list, firsthand spool drop" in caplog.text
    with recorder(client, folder) as again:
        assert again.flush(120)  # it was refused before
        assert again.counts.refused == 1
    client.put_dataset("local/later", profile="text-1")
    with recorder(client, folder) as last:
        assert last.flush(120)
        assert (last.counts.sent, last.counts.refused, last.counts.refusal) == (1, 0, None)
    assert known(client, range(1, 4)) == 3
    assert os.listdir(folder) == ["lock"]


def test_a_recorder_is_refused_at_once_if_its_names_do_not_exist(client: Client, folder: Path) -> None:
    with pytest.raises(NotFound, match="no dataset local/later"):
        recorder(client, folder, dataset="local/later")
    with pytest.raises(NotFound, match="local/m@9"):
        recorder(client, folder, model="local/m@9")
    client.put_dataset("local/files")
    with pytest.raises(WrongProfile, match="profile='bytes-1'"):
        recorder(client, folder, dataset="local/files")
    assert not folder.exists()


def test_items_hashed_under_another_profile_than_their_datasets_are_not_sent(
    client: Client, nobody: Client, folder: Path
) -> None:
    client.put_dataset("local/files")
    with recorder(nobody, folder, dataset="local/files") as early:
        early.add(answer(1))
    with recorder(client, folder) as records:
        assert not records.flush(120)
        assert "profile='bytes-1'" in (records.counts.refusal or "")
    assert claims(client) == 0


def test_what_was_refused_is_listed_and_dropped(
    client: Client, nobody: Client, firsthand: Firsthand, folder: Path
) -> None:
    for dataset in ("local/later", "local/answers"):
        with recorder(nobody, folder, dataset=dataset) as early:
            early.add(answer(1))
            early.add(answer(2))
    with recorder(client, folder) as records:
        records.flush(120)
        records.add(answer(3))
        (folder / "notes\x1b.txt").write_text("mine")
        listed = firsthand("spool", "list", "--spool", folder, "--json").lines
        assert [(entry["state"], entry["items"]) for entry in listed] == [
            ("refused", 2),
            ("in use", 1),
            ("not a segment", 0),
        ]
        assert listed[0]["dataset"] == "local/later"
        assert "no dataset local/later" in listed[0]["reason"]
        shown = firsthand("spool", "list", "--spool", folder).out
        assert "refused" in shown
        assert "\x1b" not in shown
        in_use = listed[1]["segment"]
        assert "a running recorder uses" in firsthand("spool", "drop", in_use, "--spool", folder, status=1).err
        assert "1 segment removed, with 2 items" in firsthand("spool", "drop", "--refused", "--spool", folder).out
        assert records.counts.refused == 0
        assert records.flush(120)
        assert known(client, range(1, 4)) == 3  # the dropped items were those of another dataset
    assert "there is no segment" in firsthand("spool", "drop", in_use, "--spool", folder, status=1).err
    firsthand("spool", "drop", "--spool", folder, status=2)
    assert sorted(os.listdir(folder)) == ["lock", "notes\x1b.txt"]


def test_a_spool_that_does_not_exist_is_empty(firsthand: Firsthand) -> None:
    assert firsthand("spool", "list", "--json").out == ""
    assert "0 segments removed" in firsthand("spool", "drop", "--refused").out


def test_the_spool_is_bounded_and_what_it_holds_stays(nobody: Client, folder: Path) -> None:
    room = HEADER_BYTES + 3 * RECORD_BYTES
    with recorder(nobody, folder / "drop", max_bytes=room) as records:
        assert [records.add(answer(n)) for n in range(6)] == [True] * 3 + [False] * 3
        assert (records.counts.spooled, records.counts.dropped, records.counts.waiting) == (3, 3, 3)
    with recorder(nobody, folder / "raise", max_bytes=room, when_full="raise") as records:
        for n in range(3):
            records.add(answer(n))
        with pytest.raises(SpoolFull, match="its limit is"):
            records.add(answer(3))
        assert records.counts.dropped == 1


FILLS = """
import resource, sys
from pathlib import Path
from firsthand import Client, Recorder
from tests.factories import NOBODY, answer

folder, limit = sys.argv[1], int(sys.argv[2])
if limit:
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
with Client(NOBODY, retries=0) as client:
    with Recorder(client, model="local/m@1", dataset="local/answers", spool=folder, seconds=60.0) as records:
        kept = [n for n in range(5_000) if records.add(answer(n))]
        assert kept == list(range(len(kept))), "once it is full it stays full"
        print(len(kept), records.counts.dropped)
"""


@pytest.mark.parametrize("mounted", [True, False])
def test_a_full_disk_drops_what_comes_and_keeps_what_there_is(client: Client, tmp_path: Path, mounted: bool) -> None:
    """On a tmpfs of 128 KiB; without it, or where none can be mounted, by the limit of a file's size."""
    with small_disk(tmp_path / "disk", 128 if mounted else 128_000) as is_small:
        limit = 0 if mounted and is_small else HEADER_BYTES + 1_000 * RECORD_BYTES + RECORD_BYTES // 2
        command = [sys.executable, "-c", FILLS, str(tmp_path / "disk"), str(limit)]
        ran = subprocess.run(command, capture_output=True, text=True, check=True)
        kept, dropped = map(int, ran.stdout.split())
        assert kept + dropped == 5_000
        assert (500 < kept < 5_000) if limit == 0 else kept == 1_000
        assert "no room for another item" in ran.stderr
        with recorder(client, tmp_path / "disk") as later:
            assert later.flush(120)
            assert (later.counts.sent, later.counts.damaged) == (kept, 0)
        assert known(client, range(kept + 1)) == claims(client) == kept


def test_a_torn_end_is_cut_off_and_a_damaged_record_left_out_and_counted(
    nobody: Client, client: Client, folder: Path
) -> None:
    with recorder(nobody, folder) as records:
        for n in range(5):
            records.add(answer(n))
    (segment,) = folder.glob("*/*.spool")
    content = bytearray(segment.read_bytes())
    assert digest_text(answer(2)) in content
    content[HEADER_BYTES + 2 * RECORD_BYTES + 20] ^= 1
    segment.write_bytes(content[:-10])
    with recorder(client, folder) as later:
        assert later.flush(120)
        assert (later.counts.sent, later.counts.damaged) == (3, 1)
    assert known(client, range(5)) == 3


def test_what_is_no_segment_is_passed_over_named_and_kept(
    nobody: Client, client: Client, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with recorder(nobody, folder) as records:
        records.add(answer(1))
    (segment,) = folder.glob("*/*.spool")
    content = segment.read_bytes()
    segment.with_name("0-torn.spool").write_bytes(content[:100])  # killed before its header was whole
    segment.with_name("0-empty.spool").write_bytes(b"")
    others = [
        segment.with_name(name) for name in ("1-text.spool", "2-short.spool", "3-damaged.spool", "4-folder.spool")
    ]
    others[0].write_bytes(b"x" * 2_000)
    others[1].write_bytes(b"x")
    others[2].write_bytes(content[:50] + b"!" + content[51:])
    others[3].mkdir()
    others += [segment.with_name("5-pipe.spool"), segment.with_name("6-link.spool"), segment.with_name("notes\x1b")]
    os.mkfifo(others[4])
    others[5].symlink_to(segment)
    others[6].write_text("mine")
    others += [folder / "recorder-file", folder / "recorder-link", folder / "mine"]
    others[7].write_text("mine")
    others[8].symlink_to(segment.parent)
    others[9].mkdir()
    with recorder(client, folder) as later:
        assert later.flush(120)
        counts = later.counts
        assert (counts.sent, counts.waiting, counts.problem) == (1, 0, None)
        assert set(counts.passed_over) == set(map(str, others))
    assert "1-text.spool" in caplog.text
    assert "and 5 more" in caplog.text
    assert "\x1b" not in caplog.text
    assert all(path.exists() or path.is_symlink() for path in others)
    assert {path.name for path in folder.glob("*/*.spool")} == {path.name for path in others[:6]}


FORKS = """
import os, sys
from pathlib import Path
from firsthand import Client, Recorder
from tests.factories import NOBODY, answer

def state(folder):
    return {path: path.read_bytes() for path in Path(folder).rglob("*") if path.is_file()}

with Client(NOBODY, retries=0) as client:
    records = Recorder(client, model="local/m@1", dataset="local/answers", spool=sys.argv[1], seconds=3600.0)
    records.add(answer(1))
    before = state(sys.argv[1])
    records._spool.changed.acquire()  # as if another thread held it during the fork
    child = os.fork()
    if not child:
        for call in (lambda: records.add(answer(2)), records.flush, lambda: records.counts):
            try:
                call()
            except ValueError as error:
                assert "belongs to another process" in str(error)
            else:
                os._exit(3)
        with records:
            pass
        records.close()
        assert not [fd for fd in os.listdir("/proc/self/fd") if sys.argv[1] in os.path.realpath(f"/proc/self/fd/{fd}")]
        with Recorder(client, model="local/m@1", dataset="local/answers", spool=sys.argv[1] + "-child") as own:
            own.add(answer(3))
            assert own.counts.waiting == 1
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert state(sys.argv[1]) == before
    records._spool.changed.release()
    records.add(answer(4))
    assert records.counts.waiting == 2
    with Recorder(client, model="local/m@1", dataset="local/answers", spool=sys.argv[1]) as other:
        assert other.counts.waiting == 0, "the parent still holds its folder"
    os._exit(0)
"""


@pytest.mark.slow
def test_a_forked_child_never_touches_the_folder_of_its_parent(folder: Path) -> None:
    ran = subprocess.run([sys.executable, "-c", FORKS, str(folder)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("http://127.0.0.1:8734", "127.0.0.1_8734"),
        ("https://user:secret@registry.test:1", "registry.test_1"),
        ("http://..", "_"),
        ("http://a\\b\x1b", "a_b_"),
    ],
)
def test_the_folder_of_a_registry_is_a_plain_name_without_secrets(url: str, name: str) -> None:
    assert default_folder(url).name == name
    assert ".." not in default_folder(url).parts


def test_no_text_is_on_the_disk(nobody: Client, folder: Path) -> None:
    with recorder(nobody, folder) as records:
        records.add(answer(1))
        spooled = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert digest_text(answer(1)) in spooled
    assert b"woven" not in spooled


def test_a_closed_recorder_takes_nothing(nobody: Client, folder: Path) -> None:
    records = recorder(nobody, folder)
    records.close()
    records.close()
    with pytest.raises(ValueError, match="closed"):
        records.add(answer(1))
