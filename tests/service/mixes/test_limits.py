"""What a mix may cost and how many are stored: for callers without a key, for keys, for organizations."""

from typing import Any

import httpx2
import pytest

from firsthand import errors
from firsthand.schemas.mixes import Part, Recipe
from service.claims.catalog import Catalog
from service.mixes import cost, store
from service.mixes.cost import ScanEstimate
from service.mixes.scan import Scan
from service.settings import Settings
from service.storage.engine import Database
from tests.conftest import Registry, on_both
from tests.factories import digests, model, register

#: All items of the registry.
ANY: dict[str, Any] = {"parts": [{}]}


def estimated(registry: Registry, recipe: Recipe) -> ScanEstimate:
    database = Database(registry.settings)
    with database.reads() as session:
        view = Catalog().view(session)
    resolved = store.resolved(recipe, view)
    estimate = cost.estimate(database, Scan(database, view, resolved), resolved)
    database.close()
    return estimate


@on_both
def test_the_estimate_counts_what_the_parts_read_and_select(registry: Registry) -> None:
    client = registry.client()
    model(client, "local/m@1", 1)
    register(client, digests(range(3_000)), "human")
    register(client, digests(range(5_000, 6_000)), "model", model="local/m@1", dataset="local/answers")
    human, answers = Part(verdict_in=["human"], size=200), Part(datasets=["local/answers"])
    assert estimated(registry, Recipe(parts=[human]))[:2] == (3_000, 200)
    assert estimated(registry, Recipe(parts=[human, answers, human]))[:2] == (7_000, 1_400)
    assert estimated(registry, Recipe(parts=[Part(share=0.5)], size=100))[:2] == (4_000, 50)
    assert estimated(registry, Recipe(parts=[Part(size=9_000)], shortfall="shrink"))[:2] == (4_000, 4_000)
    assert estimated(registry, Recipe(parts=[Part(size=9_000)], shortfall="repeat"))[:2] == (4_000, 9_000)
    assert estimated(registry, Recipe(parts=[Part(size=10)], unit="size"))[1] == 0  # none of them has a size


@on_both
def test_overlapping_items_cost_more(registry: Registry) -> None:
    client = registry.client()
    model(client, "local/m@1", 1)
    register(client, digests(range(2_000)), "human")
    alone = estimated(registry, Recipe(parts=[Part()])).cost
    register(client, digests(range(1_000)), "model", model="local/m@1", dataset="local/answers")
    together = estimated(registry, Recipe(parts=[Part()])).cost
    assert together - alone > 1_000 / 400


def test_every_part_costs_as_if_it_were_alone(registry: Registry) -> None:
    """64 parts in 200 bytes were read one after the other."""
    register(registry.client(), digests(range(1_000)), "human")
    of_one_part, of_many = (estimated(registry, Recipe(parts=[Part(size=1)] * parts)).cost for parts in (1, 64))
    assert of_many == pytest.approx(64 * of_one_part)


@pytest.mark.parametrize("settings", [{"anonymous_scan_cost": 1}], indirect=True)
def test_a_dry_run_without_a_key_has_a_limit_and_a_key_has_none(
    registry: Registry, stranger: httpx2.Client, http: httpx2.Client
) -> None:
    register(registry.client(), digests(range(4_000)), "human")
    refused = stranger.post("/v1/mixes", json={**ANY, "dry_run": True})
    assert refused.status_code == 403
    assert "read 4,000 registered items and select up to 4,000" in refused.json()["detail"]
    assert "Use an API key, or narrow the recipe" in refused.json()["detail"]
    assert stranger.post("/v1/mixes", json={"parts": [{"size": 100}], "dry_run": True}).status_code == 200
    assert http.post("/v1/mixes", json={**ANY, "dry_run": True}).status_code == 200


@pytest.mark.parametrize("settings", [{"anonymous_scan_cost": 1, "mix_cache_bytes": 0}], indirect=True)
def test_selecting_a_stored_mix_again_has_the_same_limit(
    registry: Registry, stranger: httpx2.Client, http: httpx2.Client
) -> None:
    register(registry.client(), digests(range(4_000)), "human")
    large, small = (http.post("/v1/mixes", json={"parts": [part]}).json()["id"] for part in ({}, {"size": 100}))
    for call in ("digests", "diff"):
        assert stranger.get(f"/v1/mixes/{large}/{call}").status_code == 403
        assert stranger.get(f"/v1/mixes/{small}/{call}").status_code == 200
        assert http.get(f"/v1/mixes/{large}/{call}").status_code == 200


@pytest.mark.parametrize("settings", [{"anonymous_scan_cost": 1}], indirect=True)
def test_a_mix_in_memory_needs_no_scan(registry: Registry, stranger: httpx2.Client, http: httpx2.Client) -> None:
    register(registry.client(), digests(range(4_000)), "human")
    large = http.post("/v1/mixes", json=ANY).json()["id"]
    assert len(stranger.get(f"/v1/mixes/{large}/digests").content) == 32 * 4_000


@pytest.mark.parametrize("settings", [{"anonymous_budget": 1}], indirect=True)
def test_the_items_of_a_mix_are_paid_for(registry: Registry, stranger: httpx2.Client) -> None:
    """Selecting 4,000 items costs more than four units, beside the one for the request."""
    register(registry.client(), digests(range(4_000)), "human")
    assert stranger.post("/v1/mixes", json={**ANY, "dry_run": True}).status_code == 200
    refused = stranger.post("/v1/mixes", json={**ANY, "dry_run": True})
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 240


def test_a_mix_that_is_stored_is_answered_without_being_selected(
    registry: Registry, http: httpx2.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    register(registry.client(), digests(range(100)), "human")
    first = http.post("/v1/mixes", json=ANY)

    def never(*_: object) -> None:
        raise AssertionError("selected again")

    monkeypatch.setattr(store, "draw", never)
    again = http.post("/v1/mixes", json=ANY)
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()


@pytest.mark.parametrize("settings", [{"max_recipe_bytes": 2_000}], indirect=True)
def test_a_recipe_is_bounded_in_bytes(registry: Registry, http: httpx2.Client) -> None:
    registry.client().put_dataset("local/texts")
    for dry_run in (False, True):
        body = {"parts": [{"datasets": ["local/texts"] * 200}], "dry_run": dry_run}
        refused = http.post("/v1/mixes", json=body)
        assert refused.status_code == 422
        assert "at most 2,000 are allowed" in refused.json()["detail"]
    assert http.post("/v1/mixes", json={"parts": [{"datasets": ["local/texts"] * 20}]}).status_code == 201


@on_both
@pytest.mark.parametrize("settings", [{"max_mixes": 3}], indirect=True)
def test_an_organization_stores_so_many_mixes_and_none_is_removed(registry: Registry) -> None:
    client, other = registry.client(), registry.join("other")
    mixes = [client.create_mix(Recipe(seed=seed, parts=[Part()])) for seed in range(3)]
    with pytest.raises(
        errors.Conflict, match=r"local has stored 3 mixes.*Mixes cannot be removed.*dry_run.*FIRSTHAND_MAX_MIXES"
    ):
        client.create_mix(Recipe(seed=3, parts=[Part()], as_of=mixes[0].position))
    recipe = mixes[0].recipe
    assert client.create_mix(recipe) == mixes[0]
    assert client.create_mix(Recipe(seed=3, parts=[Part()]), dry_run=True).items == 0
    theirs = other.create_mix(Recipe(seed=3, parts=[Part()], as_of=mixes[0].position))
    assert client.create_mix(theirs.recipe) == theirs
    assert [client.mix(str(mix.id)) for mix in mixes] == mixes


@on_both
def test_a_mix_counts_for_the_organization_that_stored_it_first(registry: Registry, settings: Settings) -> None:
    client, other = registry.client(), registry.join("other")
    mix = client.create_mix(Recipe(parts=[Part()]))
    other.create_mix(mix.recipe)
    database = Database(settings)
    rows = database.ask(
        "SELECT organizations.name FROM mixes JOIN organizations ON organizations.id = mixes.organization"
        " WHERE mixes.id = ?",
        [str(mix.id)],
    )
    database.close()
    assert rows == [("local",)]
