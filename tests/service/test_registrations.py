"""Bulk bodies: whole or not at all, and a refusal names the row."""

import json
from datetime import UTC, datetime
from typing import Any

import httpx2
import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from firsthand import errors, merkle
from firsthand.digests import sort_unique, to_text
from firsthand.items import Digested
from tests.conftest import Registry, on_both
from tests.factories import digest, digests, model, register

RAW, JSON, NDJSON = "application/octet-stream", "application/json", "application/x-ndjson"
ARROW, PARQUET = "application/vnd.apache.arrow.stream", "application/vnd.apache.parquet"


def post(registry: Registry, body: bytes, media: str, query: str = "origin=human") -> httpx2.Response:
    registry.client().put_dataset("local/texts")
    headers = {"Authorization": f"Bearer {registry.api_key}", "Content-Type": media}
    return httpx2.post(f"{registry.url}/v1/datasets/local/texts/registrations?{query}", content=body, headers=headers)


def arrow(**columns: Any) -> bytes:
    table = pa.table(columns)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def as_parquet(**columns: Any) -> bytes:
    sink = pa.BufferOutputStream()
    parquet.write_table(pa.table(columns), sink)
    return bytes(sink.getvalue())


def pointing(offset: int) -> bytes:
    """A column of one value whose end lies `offset` bytes on, far outside of the body."""
    whole = arrow(digest=pa.array([bytes(range(32))], pa.binary()))
    offsets = np.array([0, 32], dtype="<i4").tobytes()
    before, _, after = whole.rpartition(offsets)  # the last: the schema before it has such bytes too
    return before + np.array([offset - 32, offset], dtype="<i4").tobytes() + after


def twice(name: str) -> bytes:
    """A column that stands twice."""
    size = pa.array([1], pa.uint32())
    table = pa.Table.from_arrays([pa.array([bytes(32)]), size, size], ["digest", name, name])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


@on_both
def test_every_format_says_the_same(registry: Registry) -> None:
    items = digests(range(100))
    texts = [to_text(digest(i)) for i in range(100)]
    bodies = {
        RAW: items.tobytes(),
        JSON: json.dumps({"digests": texts}).encode(),
        NDJSON: "".join(json.dumps({"digest": text}) + "\n" for text in texts).encode(),
        ARROW: arrow(digest=pa.array([digest(i) for i in range(100)], pa.binary(32))),
        PARQUET: as_parquet(digest=[digest(i) for i in range(100)]),
    }
    roots = {post(registry, body, media).json()["root"] for media, body in bodies.items()}
    assert roots == {to_text(merkle.root(sort_unique(items)[0]))}


@on_both
def test_digests_come_back_sorted_each_once_over_several_blocks(registry: Registry) -> None:
    client = registry.client()
    items = np.random.default_rng(0).integers(0, 256, (150_000, 32), dtype=np.uint8)
    client.put_dataset("local/texts")
    (made,) = client.register("local/texts", Digested(np.concatenate([items, items[:50]])), origin="human", batch=10**6)
    assert made.items == 150_000
    assert (client.registration_digests(made.id) == sort_unique(items)[0]).all()


@on_both
def test_what_was_known_before_is_counted_not_failed(registry: Registry) -> None:
    client = registry.client()
    register(client, digests(range(100)), "human")
    again = register(client, digests(range(60, 160)), "unstated", dataset="local/crawl")
    assert (again.new, again.known) == (60, 40)


@pytest.mark.parametrize(
    ("media", "body", "status", "where"),
    [
        (RAW, bytes(33), 422, "row 1"),
        (RAW, b"", 422, "digests"),
        (JSON, b'{"digests": ["sha256:00"]}', 422, "digests"),
        (JSON, b'{"digests": []}', 422, "digests"),
        (JSON, json.dumps({"digests": [to_text(bytes(32))], "size": [-1]}).encode(), 422, "body"),
        (JSON, json.dumps({"digests": [to_text(bytes(32))], "size": [2**32]}).encode(), 422, "body"),
        (JSON, json.dumps({"digests": [to_text(bytes(32))], "size": [1, 2]}).encode(), 422, "size"),
        (JSON, json.dumps({"digests": [to_text(bytes(32))], "sizes": [1]}).encode(), 422, "body"),
        (JSON, b'{"digests": [', 400, None),
        (JSON, b"\xff\xfe", 400, None),
        (ARROW, arrow(digest=[bytes(32)])[:40], 400, None),
        (ARROW, arrow(hash=[bytes(32)]), 422, "columns"),
        (ARROW, arrow(digest=[bytes(32), bytes(31)]), 422, "row 1"),
        (ARROW, arrow(digest=[bytes(32), None]), 422, "row 1"),
        (ARROW, arrow(digest=["text"]), 422, "digest"),
        (ARROW, arrow(digest=[bytes(32)], size=[-5]), 422, "row 0"),
        (ARROW, arrow(digest=[bytes(32)], size=[1.5]), 422, "size"),
        (ARROW, arrow(digest=[bytes(32)], confidence=[256]), 422, "row 0"),
        (PARQUET, as_parquet(digest=[bytes(32)])[:60], 400, None),
        (PARQUET, as_parquet(digest=[bytes(32), bytes(31)]), 422, "row 1"),
        (NDJSON, b'{"digest": "' + to_text(bytes(32)).encode() + b'"}\n{"digest": 5}\n', 422, "row 1"),
        (NDJSON, b'{"digest": "' + to_text(bytes(32)).encode() + b'"}\nno json\n', 422, "row 1"),
        (
            NDJSON,
            '{{"digest": "{0}", "size": 1}}\n{{"digest": "{0}"}}\n'.format(to_text(bytes(32))).encode(),
            422,
            "row 1",
        ),
        (ARROW, pointing(4_096), 400, None),
        (ARROW, pointing(2_000_000_000), 400, None),
        (ARROW, twice("size"), 422, "columns"),
        (PARQUET, as_parquet(digest=pa.repeat(pa.scalar(bytes(32)), 2**21 + 1)), 422, "row 2097152"),
        ("text/csv", b"digest", 415, None),
    ],
)
def test_a_bad_body_is_refused_at_its_row_and_nothing_is_stored(
    registry: Registry, media: str, body: bytes, status: int, where: str | None
) -> None:
    answer = post(registry, body, media)
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert [error["where"] for error in answer.json()["errors"]] == ([where] if where else [])
    assert registry.client().statistics().now.claims == 0


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("", "origin"),
        ("origin=alien", "origin"),
        ("origin=model", "goes with a model's name"),
        ("origin=human&model=local/m@1", "goes with a model's name"),
        ("origin=model&model=local/m@1", "not registered"),
        ("origin=human&generation=1", "generation to state"),
        ("origin=human&collected_at=yesterday", "collected_at"),
        ("origin=human&colour=red", "colour"),
    ],
)
def test_a_statement_that_makes_no_sense_is_refused(registry: Registry, query: str, words: str) -> None:
    answer = post(registry, bytes(32), RAW, query)
    assert answer.status_code == 422
    assert words in answer.json()["detail"]


def test_a_dataset_is_filled_by_its_own_organization_alone(registry: Registry) -> None:
    client, other = registry.client(), registry.join("other")
    client.put_dataset("local/texts")
    with pytest.raises(errors.Forbidden):
        other.register("local/texts", [b"text"], origin="human")
    with pytest.raises(errors.NotFound, match="firsthand dataset create"):
        client.register("local/nothing", [b"text"], origin="human", profile="bytes-1")


@on_both
def test_a_registration_names_its_model_and_what_it_was_said_on(registry: Registry) -> None:
    client = registry.client()
    model(client, "local/m@1", 3)
    client.put_dataset("local/out")
    (made,) = client.register(
        "local/out", Digested(digests(range(5))), origin="model", model="local/m@1", evidence="generator",
        sizes=np.arange(5), confidences=np.full(5, 200),
    )  # fmt: skip
    assert client.registration(made.id).model_dump() == made.model_dump(exclude={"new", "known"})
    assert (made.model, made.generation, made.evidence, made.columns) == (
        "local/m@1", 3, "generator", ["size", "confidence"],
    )  # fmt: skip
    said = client.statement(made.id).body
    assert said["items"] == {"count": 5, "profile": "bytes-1", "root": made.root}
    assert "generation" not in said


def test_what_was_collected_before_a_model_was_served_is_not_its_output(registry: Registry) -> None:
    client = registry.client()
    client.put_model("local/m@1", served_from=datetime(2025, 1, 1, tzinfo=UTC))
    client.put_dataset("local/out")
    with pytest.raises(errors.Refused, match="first served at 2025-01-01"):
        client.register(
            "local/out", [b"text"], origin="model", model="local/m@1", collected_at=datetime(2020, 1, 1, tzinfo=UTC)
        )


@on_both
def test_sliced_and_chunked_columns_keep_their_rows(registry: Registry) -> None:
    chunks = pa.chunked_array([pa.array([digest(i) for i in range(start, start + 10)]) for start in (0, 10, 20)])
    made = post(registry, arrow(digest=chunks.slice(5, 20), size=pa.array(range(20), pa.int64())), ARROW).json()
    items = registry.client().registration_digests(made["id"])
    assert (items == sort_unique(digests(range(5, 25)))[0]).all()


def test_no_registration_is_at_another_statements_position(registry: Registry) -> None:
    client = registry.client()
    place = client.put_dataset("local/texts").position
    with pytest.raises(errors.NotFound):
        client.registration(place)
