"""A snapshot's files: what was written is what is read; what was damaged is refused by name; a pull is whole or not."""

import json
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest

from firsthand import Snapshot, SnapshotError
from firsthand.core.digests import Digests
from firsthand.core.verdicts import CONTESTED, IS_HUMAN, IS_MODEL, NO_GENERATION, UNKNOWN, Verdicts
from firsthand.schemas.snapshots import Bits
from firsthand.schemas.snapshots import Snapshot as Manifest
from firsthand.snapshots import SnapshotWriter, Subject, download, manifest
from tests.factories import crafted, digests, random_digests


def verdicts(n: int) -> Verdicts:
    """Every kind in turn, models of generation 1 to 6, some of them known only from below."""
    at = np.arange(n)
    verdict = np.array([IS_HUMAN, IS_MODEL, CONTESTED, IS_MODEL, UNKNOWN], dtype=np.uint8)[at % 5]
    generation = np.where(verdict == IS_MODEL, at % 6 + 1, NO_GENERATION)
    generation = np.where(verdict == IS_HUMAN, 0, generation).astype(np.int16)
    return Verdicts(verdict, generation, (verdict == IS_MODEL) & (at % 4 == 1))


def written(folder: Path, items: Digests, bits: Bits = 12, position: int = 9) -> Path:
    folder.mkdir()
    with SnapshotWriter(folder, Subject(position, None, "strict", bits)) as writer:
        writer.add(items, verdicts(len(items)))
        writer.finish()
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return written(tmp_path / "snapshot", digests(range(2_000)))


@pytest.mark.slow
@pytest.mark.parametrize("bits", [12, 28])
@pytest.mark.parametrize("items", [digests(range(0)), digests(range(3)), random_digests(30_000), crafted(5_000)])
def test_every_item_is_answered_as_it_was_judged(tmp_path: Path, items: Digests, bits: Bits) -> None:
    judged = verdicts(len(items))
    snapshot = Snapshot.open(written(tmp_path / "snapshot", items, bits))
    answer, known = snapshot.answer(items), judged.verdict != UNKNOWN
    assert (answer.verdict[known] == judged.verdict[known]).all()
    assert (answer.generation[known] == np.minimum(judged.generation, 3)[known]).all()
    bound = judged.lower_bound | (judged.generation >= 3)  # 3 stands for all above it
    assert (answer.lower_bound[known] == bound[known]).all()
    origin, generation = snapshot.lookup(items)
    assert (origin == answer.verdict).all()
    assert (generation == answer.generation).all()


@pytest.mark.slow
def test_items_that_were_never_added_are_unknown_except_for_the_stated_share(tmp_path: Path) -> None:
    snapshot = Snapshot.open(written(tmp_path / "snapshot", random_digests(50_000)))
    assert snapshot.false_verdicts == 7 / 8 * 2**-13  # of the eight codes, one is not among the verdicts of the items
    n = 2_000_000
    origin, generation = snapshot.lookup(random_digests(n, seed=1))
    expected = n * snapshot.false_verdicts
    wrong = int((origin != UNKNOWN).sum())
    print(f"{wrong} false verdicts among {n:,} strangers; {expected:.0f} expected")
    assert abs(wrong - expected) < 3 * expected**0.5
    assert int((origin == IS_HUMAN).sum()) < 2 * n * snapshot.false_humans + 10
    assert (generation[origin == UNKNOWN] == NO_GENERATION).all()


@pytest.mark.slow
def test_with_28_bits_two_million_strangers_are_all_unknown(tmp_path: Path) -> None:
    snapshot = Snapshot.open(written(tmp_path / "snapshot", random_digests(50_000), bits=28))
    origin, _ = snapshot.lookup(random_digests(2_000_000, seed=1))
    assert (origin == UNKNOWN).all()  # 0.004 are to be expected


@pytest.mark.slow
def test_ten_million_strangers_are_mistaken_as_often_as_stated_and_no_member_ever_is(tmp_path: Path) -> None:
    (folder := tmp_path / "snapshot").mkdir()
    with SnapshotWriter(folder, Subject(9, None, bits=12)) as writer:
        for seed in range(4):
            writer.add(random_digests(500_000, seed), verdicts(500_000))
        writer.finish()
    snapshot = Snapshot.open(folder)
    for seed in range(4):
        judged = verdicts(500_000).verdict
        origin, _ = snapshot.lookup(random_digests(500_000, seed))
        assert (origin == judged)[judged != UNKNOWN].all()
    wrong = sum(int((snapshot.lookup(random_digests(10**6, seed))[0] != UNKNOWN).sum()) for seed in range(10, 20))
    expected = 10**7 * snapshot.false_verdicts
    print(f"{wrong} false verdicts among 10,000,000 strangers; {expected:.0f} expected")
    assert abs(wrong - expected) < 3 * expected**0.5


def test_the_manifest_counts_each_item_once_by_what_it_is(tmp_path: Path) -> None:
    (folder := tmp_path / "snapshot").mkdir()
    items, judged = digests(range(60)), verdicts(60)
    with SnapshotWriter(folder, Subject(9, None, "pessimistic", 12)) as writer:
        writer.add(items[:40], Verdicts(judged.verdict[:40], judged.generation[:40], judged.lower_bound[:40]))
        writer.add(items, judged)
        writer.finish()
    known = manifest.load(folder)
    assert (known.position, known.policy, known.bits, known.items) == (9, "pessimistic", 12, 48)
    assert (known.counts.human, known.counts.model, known.counts.contested, known.counts.unknown) == (12, 24, 12, 0)
    assert sum(known.counts.generations.values()) == 24
    assert sum(shard.items for shard in known.shards) == 48
    assert {path.name for path in folder.iterdir()} == {f"{i:02x}.fuse" for i in range(256)} | {"manifest.json"}


def test_an_item_with_two_verdicts_is_refused(tmp_path: Path) -> None:
    with SnapshotWriter(tmp_path, Subject(9, None)) as writer:
        writer.add(digests(range(2)), verdicts(2))
        writer.add(digests([1, 0]), verdicts(2))
        with pytest.raises(ValueError, match="has the payloads"):
            writer.finish()


@pytest.mark.slow
def test_the_same_items_give_the_bytes_that_were_written_down(folder: Path, tmp_path: Path) -> None:
    """The vectors of docs/reference/snapshot-format.md: items 0 to 1,999, with the verdicts of `verdicts`."""
    known = manifest.load(folder)
    assert known.id == "cc1e7046ac34d7b2d4f26d86378d6bbc"
    assert known.digest == "sha256:f2783417211dfd73ba53d9761a9e8e1396fad441d39e0d4d6ce950927331c232"
    assert (
        sha256((folder / "00.fuse").read_bytes()).hexdigest()
        == "403a940d6c64de6056f08f40a6a0954222992f4b17ba9fc659ca4472303c6c42"
    )
    again = written(tmp_path / "again", digests(reversed(range(0, 2_000, 1)))[::-1].copy())
    assert (again / "manifest.json").read_bytes() == (folder / "manifest.json").read_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(32,), (1, 31), (1, 33)])
def test_what_are_no_digests_is_refused(folder: Path, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"digests must be uint8\[n, 32\]"):
        Snapshot.open(folder).lookup(np.zeros(shape, dtype=np.uint8))


def _cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1])


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _exchange(path: Path) -> None:
    other = path.with_name("00.fuse" if path.suffix == ".fuse" else "01.fuse")
    path.write_bytes(other.read_bytes())


DAMAGE: list[Callable[[Path], None]] = [_cut, _flip, _empty, _exchange, Path.unlink]


@pytest.mark.slow
@pytest.mark.parametrize("damage", DAMAGE)
@pytest.mark.parametrize("name", ["07.fuse", "ff.fuse", "manifest.json"])
def test_a_file_that_was_damaged_is_refused_by_its_name(
    folder: Path, name: str, damage: Callable[[Path], None]
) -> None:
    Snapshot.open(folder)
    damage(folder / name)
    with pytest.raises(SnapshotError, match=name):
        Snapshot.open(folder)


@pytest.mark.slow
@pytest.mark.parametrize(("field", "value"), [("position", 10), ("policy", "pessimistic"), ("bits", 28)])
def test_a_manifest_that_was_changed_is_refused(folder: Path, field: str, value: object) -> None:
    stored = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(stored | {field: value}))
    with pytest.raises(SnapshotError, match=r"manifest\.json was changed after it was written"):
        Snapshot.open(folder)


@pytest.mark.slow
@pytest.mark.parametrize("items", [0, 3])
def test_a_shard_answers_only_the_codes_that_it_stores(tmp_path: Path, items: int) -> None:
    """Empty shards once shared one table, whose payload was answered although no item had it."""
    snapshot = Snapshot.open(written(tmp_path / "snapshot", digests(range(items))))
    stored = {shard: entry.codes for shard, entry in enumerate(snapshot.manifest.shards) if entry.codes}
    assert len(stored) == items
    assert snapshot.false_verdicts == items / 256 * 2**-16
    strangers = random_digests(500_000)
    verdict, _ = snapshot.lookup(strangers)
    assert set(strangers[verdict != UNKNOWN, 0].tolist()) <= set(stored)
    codes = {1: {IS_HUMAN}, 2: {CONTESTED}, 5: {IS_MODEL}, 6: {IS_MODEL}, 14: {IS_MODEL}}
    for shard, (code,) in stored.items():
        strangers[:, 0] = shard
        verdict, _ = snapshot.lookup(strangers)
        assert set(verdict.tolist()) == {UNKNOWN, *codes[code]}


@pytest.mark.slow
def test_a_snapshot_of_an_older_form_is_refused_by_its_name(folder: Path) -> None:
    fields = json.loads((folder / "manifest.json").read_text())
    (folder / "manifest.json").write_text(json.dumps(fields | {"form": "firsthand snapshot 1"}))
    with pytest.raises(SnapshotError, match=r"the form `firsthand snapshot 1`, and this version reads `firsthand snap"):
        Snapshot.open(folder)


@pytest.mark.parametrize(
    "content", [b"[" * 100_000, b'{"form": "firsthand snapshot 2", "x": 1e999}', b"[]", b"\xff", b"1" * 5_000]
)
def test_a_hostile_manifest_is_refused_in_words(content: bytes) -> None:
    with pytest.raises(SnapshotError, match=r"manifest\.json is not the manifest of a snapshot"):
        manifest.read(content)


def test_a_folder_without_a_snapshot_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(SnapshotError, match="firsthand snapshot pull"):
        Snapshot.open(tmp_path)


class Served:
    """A snapshot's files as a registry answers them, and what was asked for; breaks off after `most` shards."""

    def __init__(self, folder: Path, most: int = 256) -> None:
        self.folder, self.left, self.asked = folder, most, list[str]()

    def pull(self, out: Path, progress: Callable[[int], None] = lambda _: None) -> Manifest:
        return download.pull(self, manifest.load(self.folder).id, out, progress)

    def __call__(self, path: str, limit: int) -> bytes:
        self.asked.append(path)
        if not path:
            return (self.folder / "manifest.json").read_bytes()
        self.left -= 1
        if self.left < 0:
            raise ConnectionError("broke off")
        return (self.folder / f"{path.removeprefix('/shards/')}.fuse").read_bytes()


@pytest.mark.slow
def test_a_pull_that_broke_off_leaves_nothing_and_goes_on_where_it_stood(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "deep" / "pulled"
    with pytest.raises(ConnectionError):
        Served(folder, most=100).pull(out)
    assert not out.exists()
    _flip(tmp_path / "deep" / ".pulled.part" / "20.fuse")  # as a machine leaves it that lost its power
    resumed = Served(folder)
    progress: list[int] = []
    known = resumed.pull(out, progress.append)
    assert len(resumed.asked) == 1 + 156 + 1
    assert sum(progress) == known.bytes
    assert Snapshot.open(out).manifest == known
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["pulled"]


@pytest.mark.slow
def test_what_arrives_damaged_is_refused_by_name_and_what_was_there_stays(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "pulled"
    old = written(tmp_path / "old", digests(range(500)), position=5)
    Served(old).pull(out)
    _flip(folder / "07.fuse")
    with pytest.raises(SnapshotError, match=r"07\.fuse is damaged"):
        Served(folder).pull(out)
    assert Snapshot.open(out).manifest.position == 5


@pytest.mark.slow
def test_a_newer_snapshot_takes_the_place_of_an_older_one(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "pulled"
    Served(written(tmp_path / "old", digests(range(500)), position=5)).pull(out)
    Served(folder).pull(out)
    assert Snapshot.open(out).manifest.position == 9
    assert sorted(path.name for path in tmp_path.iterdir()) == ["old", "pulled", "snapshot"]


@pytest.mark.slow
def test_a_pull_mends_a_damaged_folder_with_the_one_file_that_it_needs(folder: Path, tmp_path: Path) -> None:
    out = tmp_path / "pulled"
    Served(folder).pull(out)
    _cut(out / "7f.fuse")
    again = Served(folder)
    again.pull(out)
    assert again.asked == ["", "/shards/7f"]
    Snapshot.open(out)


@pytest.mark.slow
def test_a_folder_of_something_else_is_left_alone(folder: Path, tmp_path: Path) -> None:
    (mine := tmp_path / "mine").mkdir()
    (mine / "thesis.tex").write_text("years of work")
    with pytest.raises(SnapshotError, match="are not part of a snapshot"):
        Served(folder).pull(mine)
    assert (mine / "thesis.tex").read_text() == "years of work"
