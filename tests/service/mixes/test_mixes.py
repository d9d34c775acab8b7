"""Mixes: exact to the item, each item once, the same on every database and for ever."""

import tracemalloc
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256

import httpx2
import numpy as np
import pytest

from firsthand import Client, errors
from firsthand.core.digests import Digests, from_text, stack, to_bytes, to_text
from firsthand.core.selection import keys, weighted
from firsthand.core.verdicts import Origin
from firsthand.files.inputs import Digested
from firsthand.schemas.items import Item
from firsthand.schemas.mixes import Mix, Part, Recipe
from service.claims.catalog import Catalog
from service.mixes import scan
from service.mixes.drawn_cache import DrawnCache
from service.mixes.store import draw
from service.storage.engine import Database
from tests.conftest import Registry, on_both
from tests.factories import crafted, digest, digests, model, register


def items_of(client: Client, mix: Mix) -> list[bytes]:
    assert mix.id is not None
    return [d for chunk in client.mix_digests(mix.id) for d in to_bytes(chunk)]


def in_order(candidates: Digests, seed: int) -> list[bytes]:
    """The reference: all candidates, each once, by the key, then the whole digest."""
    unique = sorted(set(to_bytes(candidates)))
    key = keys(stack(unique), seed).tolist()
    return [d for _, d in sorted(zip(key, unique, strict=True))]


@on_both
def test_a_part_takes_the_smallest_keys_exactly(registry: Registry) -> None:
    client = registry.client()
    register(client, digests(range(500)), "human")
    register(client, digests(range(300, 900)), "human", dataset="local/more")
    mix = client.create_mix(Recipe(seed=7, parts=[Part(verdict_in=["human"], size=200)]))
    assert items_of(client, mix) == in_order(digests(range(900)), 7)[:200]


@on_both
def test_digests_that_were_crafted_to_tie_are_ordered_by_the_whole_digest(registry: Registry) -> None:
    client = registry.client()
    pool = crafted(3_000)
    assert len(np.unique(keys(pool, 3))) < 100  # so nearly all of them tie
    register(client, pool, "human")
    mix = client.create_mix(Recipe(seed=3, parts=[Part(size=1_234)]))
    assert items_of(client, mix) == in_order(pool, 3)[:1_234]


@on_both
def test_a_pool_of_few_items_claimed_many_times_is_looked_at_whole(registry: Registry) -> None:
    """The likely bound counts claims: ten of each item make it ten times too low, and it must not decide."""
    client = registry.client()
    for number in range(10):
        register(client, digests(range(2_000)), "human", dataset=f"local/d{number}")
    first, others = Part(datasets=["local/d0"], size=500), Part(verdict_in=["human"], size=700)
    mix = client.create_mix(Recipe(seed=5, parts=[first, others]))
    assert items_of(client, mix) == in_order(digests(range(2_000)), 5)[:1_200]


@on_both
def test_a_mix_that_is_no_longer_in_memory_is_drawn_again_the_same(registry: Registry) -> None:
    client = registry.client()
    register(client, digests(range(1_000)), "human")
    model(client, "local/m@1", 1)
    register(client, digests(range(900, 2_000)), "model", model="local/m@1")
    parts = [Part(verdict_in=["human"], size=300), Part(verdict_in=["model"], size=200), Part(size=100)]
    mix = client.create_mix(Recipe(seed=9, parts=parts))
    database, catalog, nothing_kept = Database(registry.settings), Catalog(), DrawnCache(most_items=0)
    with database.reads() as session:
        view = catalog.view(session, mix.position)
    nothing_kept.keep(str(mix.id), draw(database, view, mix.recipe))
    again = b"".join(nothing_kept.drawn(database, view, mix).digests())
    database.close()
    assert again == b"".join(items_of(client, mix))
    assert to_text(sha256(again).digest()) == mix.digest


@on_both
def test_many_small_registrations_give_the_same_mix_as_one_large(registry: Registry) -> None:
    client = registry.client()
    for start in range(0, 100, 5):
        register(client, digests(range(start, start + 5)), "human", dataset="local/small")
    register(client, digests(range(100)), "human", dataset="local/large")
    small, large = (
        client.create_mix(Recipe(seed=1, parts=[Part(datasets=[name], size=30)]))
        for name in ("local/small", "local/large")
    )
    assert items_of(client, small) == items_of(client, large)


@on_both
def test_an_item_of_two_datasets_is_taken_once(registry: Registry) -> None:
    client = registry.client()
    register(client, digests(range(100)), "human", dataset="local/a")
    register(client, digests(range(50, 150)), "human", dataset="local/b")
    parts = [Part(datasets=["local/a"], size=80), Part(datasets=["local/b"])]
    taken = items_of(client, client.create_mix(Recipe(seed=5, parts=parts)))
    assert len(taken) == len(set(taken))
    assert set(taken[80:]) == set(to_bytes(digests(range(50, 150)))) - set(taken[:80])


@on_both
def test_an_item_that_two_claims_contest_is_in_no_part_for_human_or_model(registry: Registry) -> None:
    client = registry.client()
    model(client, "local/m@1")
    register(client, digests(range(100)), "human")
    register(client, digests(range(60, 160)), "model", model="local/m@1", dataset="local/out")
    for verdict, expected in (("human", range(60)), ("model", range(100, 160)), ("contested", range(60, 100))):
        mix = client.create_mix(Recipe(seed=2, parts=[Part(verdict_in=[verdict])]))
        assert set(items_of(client, mix)) == set(to_bytes(digests(expected))), verdict


def test_under_the_pessimistic_policy_a_contested_item_is_the_models(registry: Registry) -> None:
    client = registry.client()
    model(client, "local/m@1", 4)
    register(client, digests(range(10)), "human")
    register(client, digests(range(10)), "model", model="local/m@1", dataset="local/out")
    mix = client.create_mix(Recipe(policy="pessimistic", parts=[Part(generation_in=[4])]))
    assert mix.counts.generations == {"4": 10}


@on_both
def test_an_unstated_registration_changes_no_verdict(registry: Registry) -> None:
    """A crawl says only that an item is in it; the item is a candidate there, under the verdict of all claims."""
    client = registry.client()
    register(client, digests(range(100)), "human", dataset="local/archive")
    register(client, digests(range(50, 150)), "unstated", dataset="local/crawl")
    known = client.create_mix(Recipe(parts=[Part(datasets=["local/crawl"], verdict_in=["human"])]))
    assert set(items_of(client, known)) == set(to_bytes(digests(range(50, 100))))
    unknown = client.create_mix(Recipe(parts=[Part(verdict_in=["unknown"])]))
    assert set(items_of(client, unknown)) == set(to_bytes(digests(range(100, 150))))


def test_shares_go_by_largest_remainder_and_ties_in_list_order(registry: Registry) -> None:
    client = registry.client()
    register(client, digests(range(100)), "human")
    mix = client.create_mix(Recipe(size=10, parts=[Part(share=0.25), Part(share=0.25), Part(share=0.5)]))
    assert [part.items for part in mix.parts] == [3, 2, 5]


def test_thirds_and_sixths_are_shares_too(registry: Registry) -> None:
    client = registry.client()
    register(client, digests(range(100)), "human")
    mix = client.create_mix(Recipe(size=60, parts=[Part(share=5 / 6), Part(share=1 / 6)]))
    assert [part.items for part in mix.parts] == [50, 10]


def test_without_a_key_a_mix_is_counted_and_not_kept(registry: Registry) -> None:
    register(registry.client(), digests(range(10)), "human")
    with Client(registry.url, "") as anyone:
        assert anyone.create_mix(Recipe(parts=[Part()]), dry_run=True).items == 10
        with pytest.raises(errors.Unauthorized, match="dry_run"):
            anyone.create_mix(Recipe(parts=[Part()]))


def test_a_part_that_finds_too_little_is_refused_by_name_with_what_there_is(registry: Registry) -> None:
    client = registry.client()
    register(client, digests(range(100)), "human")
    with pytest.raises(errors.Refused) as refused:
        client.create_mix(Recipe(parts=[Part(size=10), Part(size=91)]))
    assert refused.value.problem.errors[0].where == "parts[1]"
    assert "91" in refused.value.problem.detail
    assert "90" in refused.value.problem.detail


def test_a_shortfall_can_shrink_or_repeat_by_the_keyed_order(registry: Registry) -> None:
    client = registry.client()
    register(client, digests(range(4)), "human")
    order = in_order(digests(range(4)), 9)
    shrunk = client.create_mix(Recipe(seed=9, shortfall="shrink", parts=[Part(size=10)]))
    assert items_of(client, shrunk) == order
    repeated = client.create_mix(Recipe(seed=9, shortfall="repeat", parts=[Part(size=10)]))
    assert items_of(client, repeated) == order + order + order[:2]
    assert repeated.counts.human == 10


def test_repeating_takes_no_memory_and_more_than_a_mix_may_hold_is_refused(registry: Registry) -> None:
    client = registry.client()
    model(client, "local/m@1")
    register(client, digests(range(2)), "human")
    register(client, digests(range(2, 5)), "model", model="local/m@1", dataset="local/out")
    many = Recipe(shortfall="repeat", parts=[Part(size=3_000_001)])
    tracemalloc.start()
    counted = client.create_mix(many, dry_run=True)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 32 * 3_000_001 / 4
    first = in_order(digests(range(5)), 0)
    human = 2 * 600_000 + (client.item(first[0]).verdict == "human")
    assert (counted.counts.human, counted.counts.model) == (human, 3_000_001 - human)
    assert counted.parts[0].counts == counted.counts
    assert counted.digest == to_text(sha256(b"".join(first) * 600_000 + first[0]).digest())
    recipe = {"shortfall": "repeat", "parts": [{"size": 2**53 - 1}], "dry_run": True}
    refused = httpx2.post(f"{registry.url}/v1/mixes", json=recipe)
    assert refused.status_code == 422
    assert "with shortfall repeat a mix has at most 100,000,000 items" in refused.json()["detail"]


@on_both
@pytest.mark.usefixtures("each_way_to_overlaps")
def test_sizes_budget_by_the_longest_run_that_fits(registry: Registry) -> None:
    client = registry.client()
    pool, sizes = digests(range(200)), np.random.default_rng(0).integers(1, 1_000, 200)
    register(client, pool, "human", sizes=sizes.tolist())
    mix = client.create_mix(Recipe(seed=4, unit="size", parts=[Part(size=20_000)]))
    size_of = dict(zip(to_bytes(pool), sizes.tolist(), strict=True))
    order = in_order(pool, 4)
    fits = int((np.cumsum([size_of[d] for d in order]) <= 20_000).sum())
    assert items_of(client, mix) == order[:fits]
    assert mix.parts[0].size == sum(size_of[d] for d in order[:fits])


@on_both
@pytest.mark.usefixtures("each_way_to_overlaps")
def test_confidences_weight_the_draw_on_the_same_keys(registry: Registry) -> None:
    client = registry.client()
    pool, confidence = digests(range(300)), np.random.default_rng(1).integers(0, 256, 300).astype(np.uint8)
    register(client, pool, "human", confidences=confidence.tolist())
    mix = client.create_mix(Recipe(seed=6, parts=[Part(size=50, weight="confidence")]))
    expected = np.argsort(weighted(keys(pool, 6), confidence), kind="stable")[:50]
    assert items_of(client, mix) == to_bytes(pool[expected])
    everything = client.create_mix(Recipe(seed=6, parts=[Part(weight="confidence")]))
    assert everything.items == int((confidence > 0).sum())  # what has confidence 0 is never taken


@on_both
@pytest.mark.usefixtures("each_way_to_overlaps")
def test_a_weighted_mix_stays_the_same_when_its_items_are_contested_later(registry: Registry) -> None:
    client, random = registry.client(), np.random.default_rng(2)
    model(client, "local/m@1")
    pool = digests(range(400))
    for name in ("local/a", "local/b"):
        confidences = random.integers(0, 256, 300)
        items = pool[random.choice(400, 300, replace=False)]
        register(client, items, "human", dataset=name, confidences=confidences.tolist(), sizes=confidences.tolist())
    recipes = [
        Recipe(seed=3, unit=unit, parts=[Part(size=size, weight="confidence")])
        for unit, size in (("items", 50), ("size", 4_000))
    ]
    before = [client.create_mix(recipe) for recipe in recipes]
    register(client, pool[:200], "model", model="local/m@1", dataset="local/out")
    for mix in before:
        assert to_text(sha256(b"".join(items_of(client, mix))).digest()) == mix.digest
        assert client.create_mix(mix.recipe, dry_run=True).digest == mix.digest


@pytest.mark.parametrize("settings", [{"threads": 1}], indirect=True)
@pytest.mark.usefixtures("each_way_to_overlaps")
def test_a_mix_needs_one_connection_at_a_time(registry: Registry) -> None:
    client = registry.client()
    register(client, digests(range(10)), "unstated", dataset="local/crawl", sizes=[7] * 10)
    register(client, digests(range(10)), "human", sizes=[5] * 10)
    assert client.create_mix(Recipe(unit="size", parts=[Part(verdict_in=["human"])])).items == 10


@on_both
@pytest.mark.usefixtures("each_way_to_overlaps")
def test_an_overlapping_item_brings_the_columns_of_its_earliest_eligible_claim(registry: Registry) -> None:
    client = registry.client()
    register(client, digests(range(10)), "unstated", dataset="local/crawl", sizes=[7] * 10)
    register(client, digests(range(10)), "human", dataset="local/archive", sizes=[5] * 10)
    part = Part(verdict_in=["human"])
    assert client.create_mix(Recipe(unit="size", parts=[part])).parts[0].size == 70
    archive = part.model_copy(update={"datasets": ["local/archive"]})
    assert client.create_mix(Recipe(unit="size", parts=[archive])).parts[0].size == 50


@on_both
@pytest.mark.usefixtures("each_way_to_overlaps")
def test_collected_before_leaves_out_what_does_not_say_when(registry: Registry) -> None:
    client = registry.client()
    client.put_dataset("local/texts")
    for numbers, year in ((range(10), 2019), (range(10, 20), 2024), (range(20, 30), None)):
        collected = None if year is None else datetime(year, 1, 1, tzinfo=UTC)
        client.register("local/texts", Digested(digests(numbers)), origin="human", collected_at=collected)
    part = Part(collected_before=datetime(2022, 11, 30, tzinfo=UTC))
    assert set(items_of(client, client.create_mix(Recipe(parts=[part])))) == set(to_bytes(digests(range(10))))


@pytest.mark.usefixtures("each_way_to_overlaps")
def test_registered_before_is_a_position(registry: Registry) -> None:
    client = registry.client()
    register(client, digests(range(10)), "human")
    second = register(client, digests(range(10, 20)), "human")
    mix = client.create_mix(Recipe(parts=[Part(registered_before=second.id)]))
    assert set(items_of(client, mix)) == set(to_bytes(digests(range(10))))


def test_a_lower_bound_fails_max_generation_unless_the_part_admits_it(registry: Registry) -> None:
    client = registry.client()
    client.put_model("local/secret@1")  # nobody said what it was trained on: generation 1 at least
    register(client, digests(range(10)), "model", model="local/secret@1")
    refused = client.create_mix(Recipe(parts=[Part(max_generation=3)]))
    admitted = client.create_mix(Recipe(parts=[Part(max_generation=3, lower_bounds=True)]))
    assert (refused.items, admitted.items) == (0, 10)


def test_the_same_recipe_at_the_same_position_is_the_same_mix(registry: Registry) -> None:
    client = registry.client()
    register(client, digests(range(50)), "human")
    recipe = Recipe(seed=1, parts=[Part(size=20)])
    first = client.create_mix(recipe)
    assert client.create_mix(recipe) == first
    assert first.recipe.as_of == first.position  # the position is recorded also where none was given
    register(client, digests(range(50, 90)), "human")
    assert client.create_mix(recipe).id != first.id
    assert client.create_mix(recipe.model_copy(update={"as_of": first.position})) == first


def test_a_dry_run_counts_and_keeps_nothing(registry: Registry) -> None:
    client = registry.client()
    register(client, digests(range(50)), "human")
    dry = client.create_mix(Recipe(parts=[Part(size=20)]), dry_run=True)
    wet = client.create_mix(Recipe(parts=[Part(size=20)]))
    assert dry.id is None
    assert (dry.digest, dry.counts) == (wet.digest, wet.counts)


def test_a_position_that_is_not_reached_is_refused(registry: Registry) -> None:
    with pytest.raises(errors.Refused, match="does not exist yet"):
        registry.client().create_mix(Recipe(as_of=10_000, parts=[Part()]))


def test_a_dataset_that_nobody_registered_is_refused_by_name(registry: Registry) -> None:
    with pytest.raises(errors.Refused, match="local/nothing"):
        registry.client().create_mix(Recipe(parts=[Part(datasets=["local/nothing"])]))


@on_both
@pytest.mark.usefixtures("each_way_to_overlaps")
def test_mixes_agree_with_a_brute_force_reading_of_all_claims(registry: Registry) -> None:
    """Random overlapping registrations, withdrawals and disputes: every mix equals one made from look-ups alone."""
    client, other = registry.client(), registry.join("other")
    random = np.random.default_rng(11)
    for number in range(4):
        model(client, f"local/m@{number}", number + 1)
    pool, made = digests(range(100)), []
    for number in range(24):
        items = pool[random.choice(100, random.integers(1, 40), replace=False)]
        origins: tuple[Origin, ...] = ("human", "human", "model", "unstated")
        origin = origins[random.integers(4)]
        by = f"local/m@{random.integers(4)}" if origin == "model" else None
        made.append(register(client, items, origin, model=by, dataset=f"local/d{number % 3}"))
    client.withdraw(made[3].id)
    client.withdraw(made[5].id, client.registration_digests(made[5].id)[:5])
    disputed = [other.dispute(made[7].id), other.dispute(made[8].id, client.registration_digests(made[8].id)[:4])]
    other.dispute(made[9].id)
    other.withdraw(disputed[0].position)
    position = client.statistics().now.position
    pages = {
        (policy, as_of): [client.item(d, policy=policy, as_of=as_of) for d in to_bytes(pool)]
        for policy, as_of in {(recipe.policy, recipe.as_of) for recipe in _recipes(position)}
    }
    for recipe in _recipes(position):
        expected = _by_hand(pages[recipe.policy, recipe.as_of], recipe)
        assert items_of(client, client.create_mix(recipe)) == expected, recipe


@on_both
def test_a_small_pool_does_not_read_the_overlaps_of_others(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of which there are more than it has items: the mix is what it was, of the overlapping items too."""
    client = registry.client()
    model(client, "local/m@1")
    register(client, digests(range(60)), "human", dataset="local/mine")
    register(client, digests(range(50, 70)), "model", model="local/m@1", dataset="local/mine")
    recipe = Recipe(seed=4, parts=[Part(verdict_in=["human"], datasets=["local/mine"]), Part(datasets=["local/mine"])])
    before = items_of(client, client.create_mix(recipe))
    register(client, digests(range(1_000, 2_000)), "human", dataset="local/theirs")
    register(client, digests(range(1_000, 2_000)), "model", model="local/m@1", dataset="local/theirs")
    monkeypatch.delattr(scan, "AllOverlaps")
    assert items_of(client, client.create_mix(recipe)) == before
    assert set(before) == set(to_bytes(digests(range(70))))


def _recipes(position: int) -> list[Recipe]:
    parts = [
        [
            Part(verdict_in=["human"], datasets=["local/d0"]),
            Part(verdict_in=["model"], datasets=["local/d1", "local/d2"]),
        ],
        [Part(generation_in=[1, 3])],
        [Part(max_generation=2), Part(verdict_in=["contested"])],
        [Part(verdict_in=["unknown"]), Part(verdict_in=["human", "contested"], datasets=["local/d2"])],
        [Part()],
    ]
    return [
        Recipe(seed=seed, as_of=as_of, policy=policy, parts=part)
        for seed, part in enumerate(parts)
        for as_of in (position, position - 3, position - 9)
        for policy in ("strict", "pessimistic")
    ]


def _by_hand(known: Sequence[Item], recipe: Recipe) -> list[bytes]:
    """The mix, out of the page of every single item."""
    mix: list[bytes] = []
    for part in recipe.parts:
        chosen = []
        for item in known:
            datasets = {claim.dataset for claim in item.claims if claim.withdrawn is None}
            fits = (
                bool(datasets & set(part.datasets) if part.datasets else datasets)
                and (part.verdict_in is None or item.verdict in part.verdict_in)
                and (part.generation_in is None or item.generation in part.generation_in)
                and (
                    part.max_generation is None
                    or (item.generation is not None and item.generation <= part.max_generation)
                )
            )
            if fits and from_text(item.digest) not in mix:
                chosen.append(from_text(item.digest))
        mix += in_order(stack(chosen), recipe.seed) if chosen else []
    return mix


@on_both
def test_a_mix_stays_the_same_on_both_databases_and_after_everything_that_follows(registry: Registry) -> None:
    """The literal digest holds both databases to the same answer; `as_of` holds the future off."""
    client, other = registry.client(), registry.join("other")
    model(client, "local/m@1")
    human = register(client, digests(range(5_000)), "human")
    register(client, digests(range(4_000, 9_000)), "model", model="local/m@1", dataset="local/out")
    parts = [Part(verdict_in=["human"], share=0.1), Part(generation_in=[1], share=0.9)]
    recipe = Recipe(seed=2024, size=2_000, parts=parts)
    before = client.create_mix(recipe)
    human_part = in_order(digests(range(4_000)), 2024)[:200]
    assert items_of(client, before) == human_part + in_order(digests(range(5_000, 9_000)), 2024)[:1_800]
    assert before.digest == "sha256:3ed4b069d15d191c857e8d1c46d55fecff493339165ad106242c2127064f1bf3"
    register(client, digests(range(8_000, 18_000)), "human", dataset="local/later")
    client.withdraw(human.id, digests(range(100)))
    other.dispute(human.id)
    again = client.create_mix(recipe.model_copy(update={"as_of": before.position}))
    assert again == before
    assert to_text(sha256(b"".join(items_of(client, again))).digest()) == before.digest
    assert client.create_mix(recipe.model_copy(update={"shortfall": "shrink"})).digest != before.digest


def test_an_item_is_known_by_its_own_digest(registry: Registry) -> None:
    client = registry.client()
    register(client, digests([1]), "human")
    assert client.item(digest(1)).verdict == "human"
    assert client.item(digest(2)).verdict == "unknown"
