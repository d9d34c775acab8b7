"""`Idempotency-Key`: a write that is sent again is answered again, and done once."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest

from firsthand.core.digests import to_text
from tests.conftest import Registry, on_both
from tests.factories import digest, digests

RAW = {"Content-Type": "application/octet-stream"}
BULK = "/v1/datasets/local/texts/registrations?origin=human"
BODY = digests(range(10)).tobytes()


def keyed(key: str) -> dict[str, str]:
    return {"Idempotency-Key": key}


def register(http: httpx2.Client, key: str, body: bytes = BODY, path: str = BULK) -> httpx2.Response:
    return http.post(path, content=body, headers=RAW | keyed(key))


@pytest.fixture
def position(registry: Registry, http: httpx2.Client) -> Callable[[], int]:
    """The position of the log's head, in a registry with a dataset."""
    http.put("/v1/datasets/local/texts", json={})
    return lambda: registry.client().statistics().now.position


@on_both
def test_the_same_key_and_body_give_the_same_answer_and_one_registration(
    http: httpx2.Client, position: Callable[[], int]
) -> None:
    before = position()
    answers = [register(http, "a") for _ in range(3)]
    assert {(answer.status_code, answer.content) for answer in answers} == {(201, answers[0].content)}
    assert {answer.headers["content-type"] for answer in answers} == {"application/json"}
    assert answers[0].json()["new"] == 10
    assert position() == before + 1


def test_without_a_key_or_with_another_key_a_request_is_carried_out_again(
    http: httpx2.Client, position: Callable[[], int]
) -> None:
    before = position()
    register(http, "a")
    assert register(http, "b").json()["known"] == 10
    assert http.post(BULK, content=BODY, headers=RAW).json()["known"] == 10
    assert position() == before + 3


@on_both
def test_a_key_with_another_request_is_422_and_stores_nothing(http: httpx2.Client, position: Callable[[], int]) -> None:
    first = register(http, "a")
    after = position()
    for other in (
        register(http, "a", body=digests(range(11)).tobytes()),
        register(http, "a", path=BULK.replace("human", "unstated")),
        register(http, "a", path=BULK + "&evidence=capture"),
    ):
        assert other.status_code == 422
        assert [error["where"] for error in other.json()["errors"]] == ["Idempotency-Key"]
        assert "already used for another request" in other.json()["detail"]
    assert position() == after
    assert register(http, "a").content == first.content


@on_both
def test_organizations_withdrawals_and_disputes_are_idempotent_too(registry: Registry, http: httpx2.Client) -> None:
    other, client = registry.join("acme"), registry.client()
    client.put_dataset("local/texts")
    other.put_dataset("acme/texts")
    (own,) = client.register("local/texts", [b"own"], origin="human")
    (theirs,) = other.register("acme/texts", [b"theirs"], origin="human")
    writes = {
        "/v1/organizations": ({"name": "new"}, {"name": "newer"}),
        "/v1/withdrawals": ({"statement": own.id, "reason": "x"}, {"statement": own.id, "reason": "y"}),
        "/v1/disputes": ({"registration": theirs.id}, {"registration": theirs.id, "reason": "y"}),
    }
    for path, (body, another) in writes.items():
        before = client.statistics().now.position
        first, again = (http.post(path, json=body, headers=keyed("a")) for _ in range(2))
        assert (first.status_code, first.content) == (again.status_code, again.content)
        assert first.status_code == 201
        assert http.post(path, json=another, headers=keyed("a")).status_code == 422
        assert client.statistics().now.position == before + 1


def test_a_key_is_one_of_its_organization_and_of_its_route(registry: Registry, http: httpx2.Client) -> None:
    client, other = registry.client(), registry.join("acme")
    for name in ("texts", "other"):
        client.put_dataset(f"local/{name}")
    other.put_dataset("acme/texts")
    (theirs,) = other.register("acme/texts", [b"theirs"], origin="human")
    own = register(http, "a")
    assert register(http, "a", path=BULK.replace("texts", "other")).status_code == 201
    assert http.post("/v1/organizations", json={"name": "new"}, headers=keyed("a")).status_code == 201
    assert http.post("/v1/withdrawals", json={"statement": own.json()["id"]}, headers=keyed("a")).status_code == 201

    def bearing(organization: str) -> dict[str, str]:
        return {"Authorization": f"Bearer {client.create_key(organization).key}"}

    # on one route too, what another organization calls "a" is another key
    body, headers = {"statement": theirs.id}, keyed("a") | bearing("acme")
    assert http.post("/v1/withdrawals", json=body, headers=headers).json()["statement"] == theirs.id
    # whereas a second key to the registry speaks for the same organization
    again = http.post(BULK, content=BODY, headers=RAW | keyed("a") | bearing("local"))
    assert again.content == own.content


@on_both
def test_a_key_whose_request_was_refused_is_free_again(registry: Registry, http: httpx2.Client) -> None:
    """Nothing of what failed is stored, its key neither: who mends the cause can send the same again, or another."""
    missing = {"registration": 5, "digests": [to_text(digest(0))]}
    assert register(http, "a").status_code == 404  # there is no such dataset
    assert register(http, "b").status_code == 404
    assert http.post("/v1/disputes", json=missing, headers=keyed("a")).status_code == 404
    registry.client().put_dataset("local/texts")
    assert register(http, "a").status_code == 201
    assert register(http, "b", body=digests(range(20)).tobytes()).status_code == 201
    other = registry.join("acme")
    other.put_dataset("acme/texts")
    (theirs,) = other.register("acme/texts", [b"theirs"], origin="human")
    disputed = http.post("/v1/disputes", json={"registration": theirs.id}, headers=keyed("a"))
    assert disputed.status_code == 201


@on_both
def test_simultaneous_requests_with_one_key_are_one_registration(
    registry: Registry, http: httpx2.Client, position: Callable[[], int]
) -> None:
    body = digests(range(2_000)).tobytes()
    for attempt in range(3):
        before = position()
        with ThreadPoolExecutor(6) as threads:
            answers = list(threads.map(lambda _, key=f"{attempt}": register(http, key, body), range(6)))
        assert {(answer.status_code, answer.content) for answer in answers} == {(201, answers[0].content)}
        assert position() == before + 1


@on_both
def test_of_simultaneous_requests_with_one_key_and_two_bodies_one_is_done_and_the_other_422(
    registry: Registry, http: httpx2.Client, position: Callable[[], int]
) -> None:
    before = position()
    bodies = [digests(range(n)).tobytes() for n in (1_000, 2_000)]
    with ThreadPoolExecutor(2) as threads:
        answers = list(threads.map(lambda body: register(http, "a", body), bodies))
    assert sorted(answer.status_code for answer in answers) == [201, 422]
    assert position() == before + 1


@on_both
def test_the_longest_names_and_the_longest_key_are_kept(registry: Registry) -> None:
    """A route holds two names of a hundred characters."""
    organization, dataset = "o" * 100, f"{'o' * 100}/{'d' * 100}"
    registry.join(organization).put_dataset(dataset)
    issued = registry.client().create_key(organization).key
    with httpx2.Client(base_url=registry.url, headers={"Authorization": f"Bearer {issued}"}) as http:
        path = f"/v1/datasets/{dataset}/registrations?origin=human"
        answers = [register(http, "k" * 255, path=path) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [201, 201]
        assert answers[0].content == answers[1].content


def test_a_key_that_cannot_stand_in_a_header_is_refused(http: httpx2.Client, position: Callable[[], int]) -> None:
    before = position()
    for key in ("k" * 256, "with space", "é"):
        headers = {b"Content-Type": b"application/octet-stream", b"Idempotency-Key": key.encode("latin-1")}
        answer = http.post(BULK, content=BODY, headers=headers)
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["where"].lower() == "header.idempotency-key"
    assert position() == before


def test_the_clients_own_keys_make_a_register_that_is_run_again_add_nothing(
    registry: Registry, position: Callable[[], int]
) -> None:
    client = registry.client()
    texts = [f"text {number}" for number in range(25)]
    first = client.register("local/texts", texts, origin="human", batch=10)
    again = client.register("local/texts", texts, origin="human", batch=10)
    assert [made.items for made in first] == [10, 10, 5]
    assert [made.id for made in again] == [made.id for made in first]
    assert [(made.new, made.known) for made in again] == [(0, 10), (0, 10), (0, 5)]
    assert position() == first[-1].id
