"""Snapshots of a registry: all that it knows at a position, judged as it judges, in files that never change."""

import shutil
import threading
from hashlib import sha256
from pathlib import Path

import httpx2
import numpy as np
import pytest

from benchmarks.harness.waiting import PATIENCE_SECONDS
from firsthand import Client, Snapshot, errors
from firsthand.core.digests import Digests
from firsthand.core.verdicts import UNKNOWN, PolicyName
from firsthand.schemas.snapshots import NewSnapshot
from firsthand.snapshots import Subject
from service.claims.catalog import Catalog
from service.settings import Settings
from service.snapshots.builds import SnapshotBuilds
from service.snapshots.store import SnapshotStore, subject_at
from service.storage.engine import Database
from tests.conftest import Registry, on_both
from tests.factories import crafted, digests, model, register

#: SHA-256 of the shards' digests, in order, of the registry below; written down from SQLite.
SHARDS = "4d700b17797a0695e276737367d9f732c1ba9752f4c105e315e66daa787a1f37"


def fill(registry: Registry) -> None:
    """Register a bit of everything on items 0 to 1,999."""
    client, other = registry.client(), registry.join("other")
    for generation in (1, 2, 3, 7):
        model(client, f"local/writer@{generation}", generation)
    model(client, "local/unknown@1", None)
    first = register(client, digests(range(600)), "human")
    register(client, digests(range(400, 500)), "human", dataset="local/again")
    register(client, digests(range(500, 700)), "unstated", dataset="local/crawl")
    for generation in (1, 2, 3, 7):
        items = digests(range(500 + 100 * generation, 700 + 100 * generation))
        register(client, items, "model", model=f"local/writer@{generation}", dataset="local/answers")
    register(client, digests(range(1_500, 1_600)), "model", model="local/unknown@1", dataset="local/answers")
    register(client, digests(range(550, 620)), "model", model="local/writer@2", dataset="local/answers")
    register(client, crafted(400), "human", dataset="local/crafted")
    other.dispute(first.id, digests(range(10)))
    client.withdraw(first.id, digests(range(20, 30)))
    gone = register(client, digests(range(1_700, 1_800)), "human", dataset="local/gone")
    client.withdraw(gone.id)


pytestmark = pytest.mark.prepare.with_args(fill)


def sought() -> Digests:
    return np.concatenate([digests(range(2_000)), crafted(400)])


def same(client: Client, snapshot: Snapshot, policy: PolicyName, as_of: int) -> None:
    """The snapshot answers as the registry does: on all that is known exactly, on the rest but for the stated few."""
    exact, answer = client.lookup(sought(), policy, as_of), snapshot.answer(sought())
    known = exact.verdict != UNKNOWN
    assert (answer.verdict == exact.verdict)[known].all()
    assert (answer.generation == np.minimum(exact.generation, 3))[known].all()
    assert (answer.lower_bound == (exact.lower_bound | (exact.generation >= 3)))[known].all()
    assert (answer.verdict[~known] != UNKNOWN).sum() <= 3  # of some hundreds, where one in 8,192 is to be expected
    counts = snapshot.manifest.counts
    now = exact.counts()
    assert (counts.human, counts.model, counts.contested) == (now["human"], now["model"], now["contested"])


@on_both
@pytest.mark.parametrize("policy", ["strict", "pessimistic"])
def test_a_snapshot_answers_as_the_registry_does(client: Client, tmp_path: Path, policy: PolicyName) -> None:
    known = client.create_snapshot(policy)
    assert client.pull_snapshot(tmp_path / "pulled") == known
    same(client, Snapshot.open(tmp_path / "pulled"), policy, known.position)


@on_both
def test_a_snapshot_of_the_past_is_as_it_was(client: Client, tmp_path: Path) -> None:
    before = client.statistics().now.position
    register(client, digests(range(1_000, 2_000)), "human", dataset="local/later")
    known = client.create_snapshot(bits=28, as_of=before)
    assert known.position == before
    client.pull_snapshot(tmp_path / "pulled", known.id)
    same(client, Snapshot.open(tmp_path / "pulled"), "strict", before)


@on_both
def test_every_database_gives_the_same_bytes(client: Client) -> None:
    known = client.create_snapshot()
    assert sha256(" ".join(shard.digest for shard in known.shards).encode()).hexdigest() == SHARDS


def test_another_registry_has_other_ids_for_the_same_positions() -> None:
    """So two that were given one folder, or one that was begun anew, never answer with each other's files."""
    subject = Subject(5, "sha256:" + "0" * 64)
    assert subject.id != Subject(5, "sha256:" + "1" * 64).id
    assert subject.id == Subject(5, "sha256:" + "0" * 64).id


def test_one_that_is_there_is_answered_at_once_and_listed_by_position(client: Client) -> None:
    first = client.create_snapshot()
    register(client, digests([5_000]), "human")
    second, narrow = client.create_snapshot(), client.create_snapshot(bits=12)
    assert client.create_snapshot(as_of=first.position) == first
    listed = [(summary.position, summary.bits, summary.counts) for summary in client.snapshots()]
    assert listed[2] == (first.position, 28, first.counts)
    assert {entry[:2] for entry in listed[:2]} == {(second.position, 12), (second.position, 28)}
    assert narrow.bytes < second.bytes


def test_a_snapshot_of_an_empty_registry_knows_nothing(registry: Registry, tmp_path: Path) -> None:
    client = registry.client()
    known = client.create_snapshot(bits=28)
    client.pull_snapshot(tmp_path / "pulled")
    assert known.items == 0
    assert not Snapshot.open(tmp_path / "pulled").lookup(digests(range(100)))[0].any()


def test_only_an_administrator_has_one_built_and_every_reader_pulls(
    registry: Registry, http: httpx2.Client, stranger: httpx2.Client, tmp_path: Path
) -> None:
    reader = registry.join("other")
    with pytest.raises(errors.Forbidden):
        reader.create_snapshot()
    assert stranger.post("/v1/snapshots", json={}).status_code == 401
    known = registry.client().create_snapshot()
    assert reader.pull_snapshot(tmp_path / "pulled") == known
    assert stranger.get(f"/v1/snapshots/{known.id}").status_code == 200


def test_its_files_are_known_by_their_digests_and_never_change(client: Client, http: httpx2.Client) -> None:
    known = client.create_snapshot()
    for path, digest in (("", known.digest), ("/shards/7f", known.shards[0x7F].digest)):
        answer = http.get(f"/v1/snapshots/{known.id}{path}")
        assert answer.headers["etag"] == f'"{digest}"'
        assert "immutable" in answer.headers["cache-control"]
        for tag in (answer.headers["etag"], f'"x", W/{answer.headers["etag"]}', "*"):
            again = http.get(f"/v1/snapshots/{known.id}{path}", headers={"If-None-Match": tag})
            assert (again.status_code, again.content) == (304, b"")
        assert http.get(f"/v1/snapshots/{known.id}{path}", headers={"If-None-Match": '"x"'}).status_code == 200


def test_what_is_not_there_is_404_and_what_is_no_name_422(client: Client, http: httpx2.Client) -> None:
    known = client.create_snapshot()
    assert http.get(f"/v1/snapshots/{'0' * 32}").status_code == 404
    assert http.get(f"/v1/snapshots/{'0' * 32}/shards/00").status_code == 404
    assert http.get(f"/v1/snapshots/{known.id}/shards/zz").status_code == 422
    assert http.get("/v1/snapshots/..%2f..%2fetc").status_code in (404, 422)
    assert http.post("/v1/snapshots", json={"bits": 16}).status_code == 422
    assert http.post("/v1/snapshots", json={"as_of": known.position + 1}).status_code == 422


def test_a_snapshot_whose_folder_was_deleted_can_be_built_again(client: Client, registry: Registry) -> None:
    known = client.create_snapshot()
    shutil.rmtree(registry.settings.snapshots / known.id)
    assert [*client.snapshots()] == []
    with pytest.raises(errors.NotFound):
        client.snapshot(known.id)
    assert client.create_snapshot(as_of=known.position) == known


def test_what_a_killed_build_left_is_removed_by_the_next(empty_database: Settings) -> None:
    database, store = Database(empty_database), SnapshotStore(empty_database.snapshots)
    with database.reads() as session:
        view = Catalog().view(session)
        subject = subject_at(session, view, NewSnapshot())
    half_built = store.folder / f".{subject.id}.part"
    half_built.mkdir(parents=True)
    (half_built / "00.fuse").write_bytes(b"half")
    assert store.all() == []
    builds = SnapshotBuilds(store, database)
    assert builds.ready(view, subject, PATIENCE_SECONDS)
    builds.close()
    database.close()
    assert not half_built.exists()
    assert len(store.all()) == 1


@pytest.mark.slow
def test_one_that_was_damaged_is_not_there_for_the_next_process_and_built_anew(empty_database: Settings) -> None:
    database, store = Database(empty_database), SnapshotStore(empty_database.snapshots)
    with database.reads() as session:
        view = Catalog().view(session)
        subject = subject_at(session, view, NewSnapshot())
    builds = SnapshotBuilds(store, database)
    assert builds.ready(view, subject, PATIENCE_SECONDS)
    (summary,) = store.all()
    known, _ = store.get(summary.id)
    (store.folder / summary.id / "41.fuse").write_bytes(b"")
    later = SnapshotStore(empty_database.snapshots)
    assert not later.has(summary.id)
    assert later.all() == store.all() == []
    again = SnapshotBuilds(later, database)
    assert again.ready(view, subject, PATIENCE_SECONDS)
    assert later.all() == store.all() == [summary]
    assert later.get(summary.id)[0] == known
    for closed in (builds, again):
        closed.close()
    database.close()


@pytest.mark.slow
def test_two_processes_that_are_asked_for_the_same_build_it_once(empty_database: Settings) -> None:
    database, store = Database(empty_database), SnapshotStore(empty_database.snapshots)
    with database.reads() as session:
        view = Catalog().view(session)
        subject = subject_at(session, view, NewSnapshot())
    both = [SnapshotBuilds(store, database), SnapshotBuilds(store, database)]
    ready: list[bool] = []
    threads = [
        threading.Thread(target=lambda b=b: ready.append(b.ready(view, subject, PATIENCE_SECONDS))) for b in both
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for builds in both:
        builds.close()
    database.close()
    assert ready == [True, True]
    assert len(store.all()) == 1


def test_a_service_that_is_stopped_leaves_nothing_half_built(empty_database: Settings) -> None:
    database, store = Database(empty_database), SnapshotStore(empty_database.snapshots)
    with database.reads() as session:
        view = Catalog().view(session)
        subject = subject_at(session, view, NewSnapshot())
    builds = SnapshotBuilds(store, database)
    assert not builds.ready(view, subject, 0.0)
    builds.close()
    database.close()
    folders = [path for path in store.folder.iterdir() if path.is_dir()] if store.folder.exists() else []
    assert all((path / "manifest.json").exists() for path in folders)


def test_where_it_cannot_be_written_the_answer_says_so(client: Client, registry: Registry, http: httpx2.Client) -> None:
    registry.settings.snapshots.write_text("a file where a folder should be")
    answer = http.post("/v1/snapshots", json={})
    assert answer.status_code == 503
    detail = answer.json()["detail"]
    assert detail.startswith(
        "The snapshot was not built, because its files cannot be written: File exists, in the folder "
    )
    assert f"{registry.settings.snapshots} (" in detail
    assert "FIRSTHAND_SNAPSHOTS_DIR" in detail
    registry.settings.snapshots.unlink()
    assert http.post("/v1/snapshots", json={}).status_code in (201, 202)  # 202: not built within 2 s
