"""Verdicts in bulk: in order, at a position, also for what is asked twice or known to nobody."""

import json
from typing import Any

import httpx2
import numpy as np
import pyarrow as pa
from pyarrow import parquet

from firsthand.core.digests import Digests, to_bytes, to_text
from firsthand.core.media_types import ARROW, JSON, NDJSON, PARQUET, RAW
from firsthand.core.verdicts import CONTESTED, IS_HUMAN, IS_MODEL, UNKNOWN, PolicyName
from tests.conftest import Registry, on_both
from tests.factories import crafted, digest, digests, model, register

COLUMNS = ("verdict", "generation", "lower_bound", "model", "contested")


@on_both
def test_answers_come_in_the_order_asked(registry: Registry) -> None:
    client = registry.client()
    model(client, "local/m@1", 2)
    model(client, "local/m@2", 5)
    register(client, digests(range(0, 30)), "human")
    register(client, digests(range(20, 60)), "model", model="local/m@1", dataset="local/out")
    register(client, digests(range(50, 70)), "model", model="local/m@2", dataset="local/out")
    numbers = np.random.default_rng(0).integers(0, 100, 500)  # many twice
    answer = client.lookup(digests(numbers))
    by_number = [
        (IS_HUMAN, 0, None) if n < 20
        else (CONTESTED, -1, None) if n < 30
        else (IS_MODEL, 2, "local/m@1") if n < 50
        else (IS_MODEL, 5, None) if n < 60
        else (IS_MODEL, 5, "local/m@2") if n < 70
        else (UNKNOWN, -1, None)
        for n in numbers
    ]  # fmt: skip
    assert list(zip(answer.verdict.tolist(), answer.generation.tolist(), answer.models, strict=True)) == by_number


@on_both
def test_more_than_a_call_takes_is_split_by_the_client(registry: Registry) -> None:
    client = registry.client()
    pool = np.random.default_rng(0).integers(0, 256, (120_000, 32), dtype=np.uint8)
    register(client, pool[:50_000], "human")
    answer = client.lookup(pool)
    assert (answer.verdict == np.where(np.arange(len(pool)) < 50_000, IS_HUMAN, UNKNOWN)).all()


def test_json_and_raw_bodies_are_answered_alike(registry: Registry) -> None:
    client = registry.client()
    register(client, digests(range(10)), "human")
    url = f"{registry.url}/v1/lookups"
    raw = httpx2.post(
        f"{url}?policy=pessimistic", content=digests(range(5, 15)).tobytes(),
        headers={"Content-Type": "application/octet-stream"},
    )  # fmt: skip
    request = {"digests": [to_text(digest(i)) for i in range(5, 15)], "policy": "pessimistic"}
    assert httpx2.post(url, json=request).json() == raw.json()


def in_form(media: str, items: Digests) -> bytes:
    """A question of digests in one of the forms that are not JSON."""
    if media == RAW:
        return items.tobytes()
    if media == NDJSON:
        return b"".join(json.dumps({"digest": to_text(d)}).encode() + b"\n" for d in to_bytes(items))
    table, sink = pa.table({"digest": pa.array(to_bytes(items), pa.binary(32))}), pa.BufferOutputStream()
    if media == PARQUET:
        parquet.write_table(table, sink)
    else:
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
    return bytes(sink.getvalue())


def columns(media: str, body: bytes) -> dict[str, list[Any]]:
    """An answer in one of the forms, as the columns of the bulk forms."""
    if media == JSON:
        answer = json.loads(body)
        names = {"verdict": "verdicts", "generation": "generations", "lower_bound": "lower_bounds", "model": "models"}
        return {name: answer[names.get(name, name)] for name in COLUMNS}
    if media == NDJSON:
        rows = [json.loads(line) for line in body.splitlines()]
        return {name: [row[name] for row in rows] for name in COLUMNS}
    reader = pa.BufferReader(body)
    table = parquet.read_table(reader) if media == PARQUET else pa.ipc.open_stream(reader).read_all()
    assert table.column_names == list(COLUMNS)
    columns_read: dict[str, list[Any]] = table.to_pydict()
    return columns_read


@on_both
def test_every_form_of_question_is_answered_alike_in_every_form(registry: Registry) -> None:
    client = registry.client()
    model(client, "local/m@1", 2)
    register(client, digests(range(0, 4)), "human")
    register(client, digests(range(3, 6)), "model", model="local/m@1", dataset="local/out")
    items = digests([0, 3, 5, 9])
    answers = {
        "verdict": ["human", "contested", "model", "unknown"],
        "generation": [0, None, 2, None],
        "lower_bound": [False] * 4,
        "model": [None, None, "local/m@1", None],
        "contested": [False, True, False, False],
    }
    for question in (JSON, RAW, ARROW, PARQUET, NDJSON):
        body = (
            json.dumps({"digests": [to_text(d) for d in to_bytes(items)]}).encode()
            if question == JSON
            else in_form(question, items)
        )
        for form in (JSON, ARROW, PARQUET, NDJSON):
            headers = {"Content-Type": question, "Accept": form}
            answer = httpx2.post(f"{registry.url}/v1/lookups", content=body, headers=headers)
            assert answer.headers["Content-Type"] == form
            assert int(answer.headers["Firsthand-Position"]) == client.lookup(items).position
            assert columns(form, answer.content) == answers, (question, form)


def test_what_is_contested_says_so_whatever_the_policy_makes_of_it(registry: Registry) -> None:
    client = registry.client()
    model(client, "local/m@1")
    register(client, digests([0, 1]), "human")
    made = register(client, digests([1, 2]), "model", model="local/m@1", dataset="local/out")
    register(client, digests([3]), "model", model="local/m@1", dataset="local/out")
    registry.join("others").dispute(made.id, digests([2]))
    for many in (1, 200):  # as JSON, and as Arrow
        expected: dict[PolicyName, list[int]] = {"strict": [1, 3, 3, 2], "pessimistic": [1, 2, 2, 2]}
        for policy, verdicts in expected.items():
            answers = client.lookup(digests([0, 1, 2, 3] * many), policy)
            assert answers.verdict[-4:].tolist() == verdicts
            assert answers.contested[-4:].tolist() == [False, True, True, False]
            assert answers.models[-1] == "local/m@1"


def test_no_form_that_is_accepted_is_a_problem_that_names_those_that_are_offered(registry: Registry) -> None:
    body, url = digests([1]).tobytes(), f"{registry.url}/v1/lookups"

    def answered(accept: str) -> httpx2.Response:
        return httpx2.post(url, content=body, headers={"Content-Type": RAW, "Accept": accept})

    refused = answered("text/csv, application/json;q=0")
    assert (refused.status_code, refused.json()["title"]) == (406, "No acceptable format")
    assert ARROW in refused.json()["detail"]
    assert answered(f"text/csv, {PARQUET};q=0.5, */*;q=0.1").headers["Content-Type"] == PARQUET
    assert answered("application/*").headers["Content-Type"] == JSON
    assert answered(f"{JSON};q=0.2, {NDJSON}").headers["Content-Type"] == NDJSON


def test_crafted_digests_that_share_their_first_words_are_told_apart(registry: Registry) -> None:
    client = registry.client()
    pool = crafted(2_000)
    register(client, pool[::2], "human")
    shuffled = pool[np.random.default_rng(0).permutation(len(pool))]
    answers = client.lookup(shuffled)
    known = set(to_bytes(pool[::2]))
    assert [v == IS_HUMAN for v in answers.verdict] == [d in known for d in to_bytes(shuffled)]


def test_a_bad_question_is_refused_at_its_place(registry: Registry) -> None:
    url = f"{registry.url}/v1/lookups"
    good = to_text(digest(1))
    for body, words in (
        ({"digests": [good, "nonsense"]}, "row 1"),
        ({"digests": [good, 7]}, "row 1"),
        ({"digests": []}, "at least one"),
        ({}, "no list of digests"),
        ({"digests": [good], "policy": "hopeful"}, "strict"),
        ({"digests": [good], "colour": "red"}, "there is no such field"),
        ({"digests": [good], "as_of": 99}, "does not exist yet"),
    ):
        answer = httpx2.post(url, json=body)
        assert answer.status_code == 422, body
        assert words in answer.json()["detail"], body
    too_many = httpx2.post(url, content=bytes(32 * 100_001), headers={"Content-Type": "application/octet-stream"})
    assert "100,001" in too_many.json()["detail"]


@on_both
def test_the_catalog_follows_another_process_on_the_same_database(registry: Registry) -> None:
    """Caches know positions alone: what another worker commits is seen by the next question."""
    from starlette.testclient import TestClient

    from service.app import create_app

    client = registry.client()
    headers = {"Content-Type": "application/octet-stream"}
    with TestClient(create_app(registry.settings)) as elsewhere:
        for number in range(3):
            register(client, digests([number]), "human")
            body = digests(range(3)).tobytes()
            answer = elsewhere.post("/v1/lookups", content=body, headers=headers).json()
            assert answer["verdicts"].count("human") == number + 1
