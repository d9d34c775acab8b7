"""`firsthand.annotate`: a batch of a pipeline's rows, with what is known of each."""

import pickle
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

import firsthand
from firsthand import Client, Snapshot
from firsthand.checking.lookup_source import SnapshotSource
from firsthand.errors import Unauthorized
from tests.conftest import Registry
from tests.factories import TEXTS, write_snapshot


@pytest.fixture
def snapshot(tmp_path: Path) -> Snapshot:
    return Snapshot.open(write_snapshot(tmp_path / "snapshot"))


def register_the_first_three(registry: Registry) -> None:
    """Register the first three of TEXTS."""
    client = registry.client()
    client.put_dataset("local/texts", profile="text-1")
    client.put_model("local/writer@1", generation=2)
    client.register("local/texts", [TEXTS[0], TEXTS[2]], origin="model", model="local/writer@1")
    client.register("local/texts", TEXTS[1:3], origin="human")


pytestmark = pytest.mark.prepare.with_args(register_the_first_three)


BATCH = pa.RecordBatch.from_pydict({"id": [1, 2, 3, 4, 5], "text": [*TEXTS, None]})


@pytest.mark.slow
def test_a_batch_keeps_its_rows_and_columns_and_gains_three(snapshot: Snapshot) -> None:
    out = firsthand.annotate(BATCH, snapshot)
    assert out.schema.names == ["id", "text", "verdict", "generation", "lower_bound"]
    assert [str(out.schema.field(n).type) for n in (2, 3, 4)] == ["string", "int16", "bool"]
    assert out.select(["id", "text"]).equals(BATCH)
    assert out["verdict"].to_pylist() == ["model", "human", "contested", "unknown", "unknown"]
    assert out["generation"].to_pylist() == [2, 0, None, None, None]
    assert out["lower_bound"].to_pylist() == [True, False, False, False, False]


def test_a_registry_answers_as_a_snapshot_does_and_at_an_earlier_position(client: Client) -> None:
    now = client.position()
    out = firsthand.annotate(BATCH, client)
    assert out["verdict"].to_pylist() == ["model", "human", "contested", "unknown", "unknown"]
    assert out["generation"].to_pylist() == [2, 0, None, None, None]
    before = firsthand.annotate(BATCH, client, as_of=now - 1)
    assert before["verdict"].to_pylist() == ["model", "unknown", "model", "unknown", "unknown"]
    judged = firsthand.annotate(BATCH, client, policy="pessimistic", as_of=now)
    assert judged["verdict"].to_pylist() == ["model", "human", "model", "unknown", "unknown"]


def test_a_human_out_of_12_bits_is_unknown_unless_the_registry_confirms(client: Client, tmp_path: Path) -> None:
    client.create_snapshot(bits=12)
    client.pull_snapshot(tmp_path / "pulled")
    narrow = Snapshot.open(tmp_path / "pulled")
    assert firsthand.annotate(BATCH, narrow)["verdict"].to_pylist()[:2] == ["model", "unknown"]
    assert firsthand.annotate(BATCH, SnapshotSource(narrow, client))["verdict"].to_pylist()[:2] == ["model", "human"]


@pytest.mark.slow
def test_tables_of_many_chunks_and_of_none_are_taken_too(snapshot: Snapshot) -> None:
    table = pa.Table.from_batches([BATCH, BATCH.slice(1, 2)])
    assert firsthand.annotate(table, snapshot)["generation"].to_pylist() == [2, 0, None, None, None, 0, None]
    assert firsthand.annotate(BATCH[:0], snapshot).num_rows == 0
    assert firsthand.annotate(table.slice(0, 0), snapshot).num_columns == 5


@pytest.mark.slow
def test_what_cannot_be_annotated_says_why(snapshot: Snapshot) -> None:
    with pytest.raises(KeyError, match="no column 'body'; the columns are id, text"):
        firsthand.annotate(BATCH, snapshot, field="body")
    with pytest.raises(TypeError, match="this column holds int64"):
        firsthand.annotate(BATCH, snapshot, field="id")
    with pytest.raises(ValueError, match="the column 'verdict' exists already"):
        firsthand.annotate(firsthand.annotate(BATCH, snapshot), snapshot)
    with pytest.raises(ValueError, match="the policy strict and the position 7"):
        firsthand.annotate(BATCH, snapshot, policy="pessimistic")
    with pytest.raises(ValueError, match="the policy strict and the position 7"):
        firsthand.annotate(BATCH, snapshot, as_of=6)


def test_sources_travel_to_other_processes(client: Client, snapshot: Snapshot) -> None:
    with pickle.loads(pickle.dumps(client)) as travelled:
        for source, copy in ((client, travelled), (snapshot, pickle.loads(pickle.dumps(snapshot)))):
            assert firsthand.annotate(BATCH, copy).equals(firsthand.annotate(BATCH, source))


def test_a_client_that_travelled_has_its_key_still(registry: Registry) -> None:
    with pickle.loads(pickle.dumps(Client(registry.url, registry.api_key, timeout=70.0, retries=1))) as copy:
        assert copy.whoami().organization == "local"
    with pickle.loads(pickle.dumps(Client(registry.url, "fh_of_nobody"))) as copy, pytest.raises(Unauthorized):
        copy.whoami()


@pytest.mark.slow
def test_importing_firsthand_does_not_import_pyarrow() -> None:
    code = "import sys, firsthand, firsthand.cli; assert 'pyarrow' not in sys.modules; firsthand.annotate; firsthand.x"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "module 'firsthand' has no attribute 'x'" in ran.stderr
