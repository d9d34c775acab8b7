"""Bulk bodies, in every form. What is refused is in test_bad_input.py."""

import json
from datetime import UTC, datetime
from typing import Any

import httpx2
import numpy as np
import pyarrow as pa
import pytest

from firsthand import errors
from firsthand.core import merkle
from firsthand.core.digests import sort_unique, to_text
from firsthand.files.inputs import Digested
from tests.conftest import Registry, on_both
from tests.factories import digest, digests, model, register

RAW, JSON, NDJSON = "application/octet-stream", "application/json", "application/x-ndjson"
ARROW = "application/vnd.apache.arrow.stream"


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


@on_both
def test_every_format_says_the_same(registry: Registry) -> None:
    items = digests(range(100))
    texts = [to_text(digest(i)) for i in range(100)]
    bodies = {
        RAW: items.tobytes(),
        JSON: json.dumps({"digests": texts}).encode(),
        NDJSON: "".join(json.dumps({"digest": text}) + "\n" for text in texts).encode(),
        ARROW: arrow(digest=pa.array([digest(i) for i in range(100)], pa.binary(32))),
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
    body = client.statement(made.id).body
    assert body["items"] == {"count": 5, "profile": "bytes-1", "root": made.root}
    assert "generation" not in body


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
    position = client.put_dataset("local/texts").position
    with pytest.raises(errors.NotFound):
        client.registration(position)
