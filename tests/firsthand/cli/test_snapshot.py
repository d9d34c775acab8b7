"""`firsthand snapshot`, and `firsthand check --snapshot`: a gate without network."""

import re
from pathlib import Path

import numpy as np
import pytest

from firsthand import Client, Snapshot
from firsthand.checking.lookup_source import SnapshotSource
from firsthand.core.digests import digest_text, stack
from firsthand.core.verdicts import CONTESTED, IS_HUMAN, UNKNOWN, VERDICTS, Verdicts
from firsthand.snapshots import SnapshotWriter, Subject
from tests.conftest import Registry
from tests.factories import NOBODY, digests, write_lines
from tests.firsthand.conftest import Firsthand

NO_BOUNDS = np.zeros(100, dtype=np.bool_)


def humans(n: int) -> Verdicts:
    return Verdicts(np.full(n, IS_HUMAN, dtype=np.uint8), np.zeros(n, dtype=np.int16), np.zeros(n, dtype=np.bool_))


@pytest.fixture
def corpus(tmp_path: Path, firsthand: Firsthand) -> Path:
    """100 texts: 40 of people, 30 of a model of generation 4, 10 contested, 20 that nobody knows."""
    texts = [f"text number {n}" for n in range(100)]
    people, models = write_lines(tmp_path / "p.jsonl", texts[:50]), write_lines(tmp_path / "m.jsonl", texts[40:80])
    firsthand("dataset", "create", "local/texts", "--profile", "text-1")
    firsthand("model", "create", "local/writer@1", "--generation", 4)
    firsthand("register", people, "--dataset", "local/texts", "--human")
    firsthand("register", models, "--dataset", "local/texts", "--model", "local/writer@1")
    return write_lines(tmp_path / "corpus.jsonl", texts)


def test_a_snapshot_is_created_listed_pulled_and_shown(firsthand: Firsthand, corpus: Path, tmp_path: Path) -> None:
    made = firsthand("snapshot", "create", "--json").json
    assert made["counts"]["human"] == 40
    assert made["bits"] == 28
    assert 0 < made["false_humans"] < 2**-32 < made["false_verdicts"] * 8 < 2**-26
    (listed,) = firsthand("snapshot", "list", "--json").lines
    assert listed["id"] == made["id"]
    out = tmp_path / "pulled"
    printed = firsthand("snapshot", "pull", "--out", out).out
    assert f"80 items at position {made['position']}" in printed
    assert re.search(r"about 1 in [0-9,]{13,} unregistered items", printed)
    assert f"firsthand check PATH --snapshot {out}" in printed
    assert firsthand("snapshot", "show", out, "--json").json == made
    assert firsthand("snapshot", "show", made["id"], "--json").json == made
    (out / "3c.fuse").write_bytes(b"")
    assert "3c.fuse has 0 bytes" in firsthand("snapshot", "show", out, status=1).err


def test_a_registry_without_snapshots_says_who_makes_one(firsthand: Firsthand, tmp_path: Path) -> None:
    assert "firsthand snapshot create" in firsthand("snapshot", "pull", "--out", tmp_path / "x", status=1).err


@pytest.fixture
def pulled(firsthand: Firsthand, corpus: Path, tmp_path: Path) -> dict[int, Path]:
    """The corpus' snapshot in either form."""
    folders = {}
    for bits in (12, 28):
        made = firsthand("snapshot", "create", "--bits", bits, "--json").json
        folders[bits] = tmp_path / f"snapshot-{bits}"
        firsthand("snapshot", "pull", made["id"], "--out", folders[bits])
    return folders


def test_28_bits_are_believed_without_any_network(
    alone: Firsthand, corpus: Path, pulled: dict[int, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRSTHAND_URL", NOBODY)
    ran = alone("check", corpus, "--snapshot", pulled[28], "--json", "--items", "--max-synthetic", 0.6)
    checked = ran.summary
    assert checked["counts"] == {"unknown": 20, "human": 40, "model": 30, "contested": 10}
    assert checked["generations"] == {"3": 30}
    assert checked["share"] == {"low": 0.3, "high": 0.6, "text": "30.0–60.0 %"}
    assert {item["lower_bound"] for item in ran.items if item["verdict"] == "model"} == {True}
    assert checked["snapshot"]["expected_false_verdicts"] < 1e-6
    assert "30.0–60.0 %" in alone("check", corpus, "--snapshot", pulled[28]).out


def test_12_bits_that_say_human_are_unknown_until_the_registry_confirms(
    alone: Firsthand, registry: Registry, corpus: Path, pulled: dict[int, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FIRSTHAND_URL", NOBODY)
    checked = alone("check", corpus, "--snapshot", pulled[12], "--json", "--summary").json
    assert (checked["counts"]["human"], checked["counts"]["unknown"]) == (0, 60)
    assert checked["snapshot"]["unconfirmed"] == 40
    assert checked["share"]["high"] == 1.0
    words = alone("check", corpus, "--snapshot", pulled[12], "--summary").out
    assert "counted as unknown: 40 look-ups with the verdict human" in words
    assert "fingerprints of 12 bits: expect" in words
    monkeypatch.setenv("FIRSTHAND_URL", registry.url)
    checked = alone("check", corpus, "--snapshot", pulled[12], "--confirm", "--json", "--summary").json
    assert checked["counts"] == {"unknown": 20, "human": 40, "model": 30, "contested": 10}
    assert (checked["snapshot"]["confirmed"], checked["snapshot"]["unconfirmed"]) == (40, 0)


def test_a_false_human_does_not_survive_confirming(registry: Registry, tmp_path: Path) -> None:
    """A snapshot that calls human what its registry has never heard of, as any does with one item in 65,536."""
    client, strangers = registry.client(), digests(range(200))
    (folder := tmp_path / "snapshot").mkdir()
    with SnapshotWriter(folder, Subject(client.statistics().now.position, None, bits=12)) as writer:
        writer.add(strangers, humans(200))
        writer.finish()
    snapshot = Snapshot.open(folder)
    assert (snapshot.answer(strangers).verdict == IS_HUMAN).all()
    assert (SnapshotSource(snapshot).lookup(strangers).verdict == UNKNOWN).all()
    assert (SnapshotSource(snapshot, client).lookup(strangers).verdict == UNKNOWN).all()


def test_the_expected_false_verdicts_follow_the_unknown(client: Client, tmp_path: Path) -> None:
    (folder := tmp_path / "snapshot").mkdir()
    with SnapshotWriter(folder, Subject(client.statistics().now.position, None, bits=12)) as writer:
        writer.add(digests(range(100)), humans(100))
        contested = Verdicts(np.full(100, CONTESTED, dtype=np.uint8), np.full(100, -1, dtype=np.int16), NO_BOUNDS)
        writer.add(digests(range(100, 200)), contested)
        writer.finish()
    local = SnapshotSource(snapshot := Snapshot.open(folder), client)
    unknown = int((local.lookup(digests(range(200, 8_292))).verdict == UNKNOWN).sum())
    certain = snapshot.false_verdicts - snapshot.false_humans  # a false human is found out
    assert 0 < certain < snapshot.false_verdicts
    assert local.take_confidence().expected == pytest.approx(unknown * certain)
    assert local.check(["never heard of"]).verdict.tolist() == [VERDICTS.index("unknown")]


def test_texts_are_asked_under_both_profiles(client: Client, tmp_path: Path) -> None:
    (folder := tmp_path / "snapshot").mkdir()
    known = stack([digest_text("a text", "text-1"), digest_text("b  text", "bytes-1")])
    with SnapshotWriter(folder, Subject(1, None, bits=28)) as writer:
        writer.add(known, humans(2))
        writer.finish()
    answer = SnapshotSource(Snapshot.open(folder)).check(["a   text", "b  text", "b text"])
    assert [VERDICTS[code] for code in answer.verdict] == ["human", "human", "unknown"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--policy", "pessimistic"), "use --policy strict"),
        (("--as-of", "1"), "omit --as-of"),
    ],
)
def test_a_question_that_the_snapshot_was_not_built_for_is_refused(
    alone: Firsthand, corpus: Path, pulled: dict[int, Path], words: tuple[str, ...], says: str
) -> None:
    assert says in " ".join(alone("check", corpus, "--snapshot", pulled[12], *words, status=2).err.split())


def test_confirming_needs_a_snapshot(alone: Firsthand, corpus: Path) -> None:
    assert "--snapshot" in alone("check", corpus, "--confirm", status=2).err


def test_the_id_alone_is_printed_for_scripts(firsthand: Firsthand) -> None:
    firsthand("dataset", "create", "local/letters")
    id_ = firsthand("snapshot", "create", "--id-only").out.strip()
    assert firsthand("snapshot", "show", id_, "--json").json["id"] == id_
