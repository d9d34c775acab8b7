"""Verdicts in bulk: in order, at a position, also for what is asked twice or known to nobody."""

import httpx2
import numpy as np

from firsthand.digests import to_text
from firsthand.verdicts import CONTESTED, IS_HUMAN, IS_MODEL, UNKNOWN
from tests.conftest import Registry, on_both
from tests.factories import digest, digests, model, register


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
    asked = {"digests": [to_text(digest(i)) for i in range(5, 15)], "policy": "pessimistic"}
    assert httpx2.post(url, json=asked).json() == raw.json()


def test_a_bad_question_is_refused_at_its_place(registry: Registry) -> None:
    url = f"{registry.url}/v1/lookups"
    good = to_text(digest(1))
    for body, words in (
        ({"digests": [good, "nonsense"]}, "row 1"),
        ({"digests": [good, 7]}, "row 1"),
        ({"digests": []}, "at least one"),
        ({}, "a list of digests"),
        ({"digests": [good], "policy": "hopeful"}, "strict"),
        ({"digests": [good], "colour": "red"}, "Extra inputs"),
        ({"digests": [good], "as_of": 99}, "not reached"),
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
