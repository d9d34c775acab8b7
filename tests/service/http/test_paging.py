"""Lists are keyset pages with an opaque cursor."""

from typing import Any

import httpx2
import pytest

from tests.conftest import Registry, on_both

#: Names that sort in one way by bytes and in another by what a language thinks of punctuation.
NAMES = sorted(["a", "b", "z", "0", "9", "a-b", "a.b", "a_b", "ab", "a-c", "a0", "b.a", "b-a"])


@pytest.fixture
def lists(http: httpx2.Client) -> dict[str, int]:
    """Every list of the registry, with more than a page in it → how many entries there are."""
    for name in NAMES:
        assert http.post("/v1/organizations", json={"name": name}).status_code == 201
        assert http.post("/v1/keys", json={"organization": name}).status_code == 201
        assert http.put(f"/v1/datasets/local/{name}", json={}).status_code == 201
        assert http.put(f"/v1/models/local/{name}/1", json={"generation": 1}).status_code == 201
    n = len(NAMES)
    # of organizations and keys there is the first one too; a model is two statements
    return {
        "/v1/organizations": n + 1, "/v1/keys": n + 1, "/v1/datasets": n, "/v1/models": n, "/v1/statements": 4 * n + 1
    }  # fmt: skip


def pages(http: httpx2.Client, path: str, limit: int) -> list[list[dict[str, Any]]]:
    """All pages of a list, to its end."""
    entries, cursor = [], None
    while True:
        page = http.get(path, params={"limit": limit} | ({"cursor": cursor} if cursor else {})).json()
        assert page.keys() == {"items", "next"}
        entries.append(page["items"])
        cursor = page["next"]
        if cursor is None:
            return entries


@on_both
def test_the_pages_of_every_list_hold_all_of_it_each_entry_once_in_one_order(
    http: httpx2.Client, lists: dict[str, int]
) -> None:
    for path, expected in lists.items():
        whole = http.get(path, params={"limit": 1000}).json()
        assert whole["next"] is None
        assert len(whole["items"]) == expected
        for limit in (1, 3, expected - 1, expected):
            entries = pages(http, path, limit)
            assert [entry for page in entries for entry in page] == whole["items"], (path, limit)
            assert [len(page) for page in entries[:-1]] == [limit] * (len(entries) - 1)
            assert entries[-1]


def test_lists_are_in_the_order_of_names_or_of_the_log(http: httpx2.Client, lists: dict[str, int]) -> None:
    """By names as the database compares them: byte by byte on SQLite, on PostgreSQL as it was created."""

    def names(path: str) -> list[str]:
        return [entry["name"] for entry in http.get(path).json()["items"]]

    assert names("/v1/organizations") == sorted([*NAMES, "local"])
    assert names("/v1/datasets") == sorted(f"local/{name}" for name in NAMES)
    assert names("/v1/models") == sorted(f"local/{name}@1" for name in NAMES)
    positions = [entry["position"] for entry in http.get("/v1/statements").json()["items"]]
    assert positions == list(range(1, lists["/v1/statements"] + 1))


def test_what_is_added_while_somebody_pages_neither_repeats_nor_hides_anything(
    http: httpx2.Client, lists: dict[str, int]
) -> None:
    first = http.get("/v1/datasets", params={"limit": 5}).json()
    http.put("/v1/datasets/local/00", json={})  # before the cursor
    http.put("/v1/datasets/local/zz", json={})  # behind it
    remaining = http.get("/v1/datasets", params={"cursor": first["next"], "limit": 1000}).json()
    names = [entry["name"] for entry in [*first["items"], *remaining["items"]]]
    assert names == sorted([*(f"local/{name}" for name in NAMES), "local/zz"])


def test_a_cursor_shows_nothing_of_what_is_in_it(http: httpx2.Client, lists: dict[str, int]) -> None:
    for path in ("/v1/organizations", "/v1/datasets", "/v1/models"):
        page = http.get(path, params={"limit": 2}).json()
        assert page["items"][-1]["name"] not in page["next"]
        assert page["next"].replace("=", "").replace("-", "").replace("_", "").isalnum()


def test_a_page_holds_a_hundred_entries_unless_asked_and_a_thousand_at_most(http: httpx2.Client) -> None:
    for number in range(101):
        http.put(f"/v1/datasets/local/d{number}", json={})
    page = http.get("/v1/datasets").json()
    assert len(page["items"]) == 100
    assert page["next"] is not None
    for limit in (0, 1001, -1, "all"):
        answer = http.get("/v1/datasets", params={"limit": limit})
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["where"] == "query.limit"


@on_both
def test_a_cursor_that_no_registry_gave_is_422(http: httpx2.Client, lists: dict[str, int]) -> None:
    for path in lists:
        for cursor in ("!!!!", "abc", "a b=", "____", "AA==", "é", "x" * 1001):
            answer = http.get(path, params={"cursor": cursor})
            assert answer.status_code == 422, (path, cursor)
            assert "cursor" in answer.json()["errors"][0]["where"]
    other = http.get("/v1/datasets", params={"limit": 1}).json()["next"]
    assert http.get("/v1/statements", params={"cursor": other}).status_code == 422


def test_a_list_without_entries_is_one_empty_page(http: httpx2.Client) -> None:
    assert http.get("/v1/datasets").json() == {"items": [], "next": None}
    assert http.get("/v1/models").json() == {"items": [], "next": None}


def test_the_client_walks_all_pages(registry: Registry, lists: dict[str, int]) -> None:
    client = registry.client()
    walked = {
        "/v1/organizations": client.organizations(), "/v1/keys": client.keys(), "/v1/datasets": client.datasets(),
        "/v1/models": client.models(), "/v1/statements": client.statements(),
    }  # fmt: skip
    assert {path: len(list(entries)) for path, entries in walked.items()} == lists
