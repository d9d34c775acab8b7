"""A filter of datatrove's: documents are kept by where they come from."""

import pickle
from pathlib import Path

import pytest
from datatrove.data import Document

from firsthand import Client, Snapshot
from firsthand.checking.lookup_source import SnapshotSource
from firsthand.integrations.datatrove import OriginFilter
from tests.factories import NOBODY, TEXTS, write_snapshot


def documents() -> list[Document]:
    return [Document(text=text, id=str(number), metadata={"url": "a"}) for number, text in enumerate(TEXTS)]


@pytest.mark.slow
def test_documents_are_kept_by_verdict_and_told_where_they_come_from(tmp_path: Path) -> None:
    gate = OriginFilter(write_snapshot(tmp_path / "s"), keep=["human", "unknown"], batch_size=3)
    kept = list(gate.run(iter(documents())))
    assert [document.text for document in kept] == [TEXTS[1], TEXTS[3]]
    assert kept[0].metadata == {"url": "a", "verdict": "human", "generation": 0, "lower_bound": False}
    assert gate.stats["dropped_model"].total == gate.stats["dropped_contested"].total == 1


def test_one_document_is_judged_as_many_are(tmp_path: Path) -> None:
    gate = OriginFilter(Snapshot.open(write_snapshot(tmp_path / "s")))
    assert [gate.filter(document) for document in documents()] == [
        (False, "model"),
        True,
        (False, "contested"),
        (False, "unknown"),
    ]


def test_a_gate_travels_to_workers_and_opens_its_folder_there(tmp_path: Path) -> None:
    gate = OriginFilter(str(write_snapshot(tmp_path / "s")), keep=["model"])
    assert len(pickle.dumps(gate)) < 10_000
    (kept,) = pickle.loads(pickle.dumps(gate)).run(iter(documents()))
    assert kept.text == TEXTS[0]


@pytest.mark.slow
def test_a_filter_for_human_items_refuses_a_snapshot_that_never_answers_human(tmp_path: Path) -> None:
    folder = write_snapshot(tmp_path / "s", bits=12)
    snapshot = Snapshot.open(folder)
    for source in (folder, str(folder), snapshot, SnapshotSource(snapshot)):
        with pytest.raises(ValueError, match="fingerprints of 12 bits, and never answers human"):
            OriginFilter(source)
    assert OriginFilter(folder, keep=["human", "unknown"]).filter(documents()[1]) is True
    with Client(NOBODY) as client:
        OriginFilter(SnapshotSource(snapshot, client))


def test_a_folder_that_only_the_worker_has_is_refused_there(tmp_path: Path) -> None:
    gate = OriginFilter(tmp_path / "s")
    write_snapshot(tmp_path / "s", bits=12)
    with pytest.raises(ValueError, match="never answers human"):
        gate.filter(documents()[0])


def test_a_verdict_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="keep has humane; use only unknown, human"):
        OriginFilter("snapshot", keep=["humane"])  # type: ignore[list-item]
