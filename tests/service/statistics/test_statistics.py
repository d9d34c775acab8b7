"""Statistics: standing claims, by what is said of them, at any position."""

import numpy as np
import pytest

from firsthand import Client, errors
from firsthand.core.digests import Digests
from firsthand.core.verdicts import Origin
from firsthand.files.inputs import Digested
from firsthand.schemas.statistics import Statistics
from tests.conftest import Registry, on_both
from tests.factories import digests


def say(client: Client, dataset: str, items: Digests, origin: Origin = "human", model: str | None = None) -> int:
    """Register items; returns the position."""
    (made,) = client.register(dataset, Digested(items), origin=origin, model=model)
    return made.id


def community(registry: Registry) -> tuple[Client, Client, list[int]]:
    """Two organizations with a dataset each, and five registrations: (local, acme, their positions)."""
    local, acme = registry.client(), registry.join("acme")
    local.put_dataset("local/texts")
    acme.put_dataset("acme/crawl")
    local.put_model("local/writer@1", generation=1)
    acme.put_model("acme/writer@1", generation=4)
    positions = [
        say(local, "local/texts", digests(range(100))),
        say(acme, "acme/crawl", digests(range(50, 60)), "unstated"),
        say(local, "local/texts", digests(range(200, 220)), "model", "local/writer@1"),
        say(acme, "acme/crawl", digests(range(300, 303)), "model", "acme/writer@1"),
        say(acme, "acme/crawl", digests(range(400, 407)), "model", "local/writer@1"),
    ]
    return local, acme, positions


def test_an_empty_registry_has_none(registry: Registry) -> None:
    now = registry.client().statistics().now
    assert now == Statistics(
        position=1, claims=0, registrations=0, by_origin={}, by_generation={}, by_dataset={}, by_organization={}
    )


@on_both
def test_claims_are_counted_by_origin_evidence_and_generation(registry: Registry) -> None:
    local, _, positions = community(registry)
    now = local.statistics().now
    assert (now.position, now.claims, now.registrations) == (positions[-1], 140, 5)
    assert now.by_origin == {"human": 100, "model": 30, "unstated": 10}
    assert now.by_generation == {"0": 100, "1": 27, "4": 3, "none": 10}
    assert now.by_dataset == {"acme/crawl": 20, "local/texts": 120}
    assert now.by_organization == {"acme": 20, "local": 120}


def test_an_item_counts_once_for_each_registration_that_claims_it(registry: Registry) -> None:
    client = registry.client()
    client.put_dataset("local/texts")
    say(client, "local/texts", np.concatenate([digests(range(10)), digests(range(10))]))
    say(client, "local/texts", digests(range(9)))
    assert (client.statistics().now.claims, client.statistics().now.registrations) == (19, 2)


def test_what_was_withdrawn_whole_counts_up_to_its_withdrawal(registry: Registry) -> None:
    local, _, positions = community(registry)
    withdrawal = local.withdraw(positions[2]).position
    now = local.statistics().now
    assert (now.claims, now.registrations) == (120, 4)
    assert now.by_generation == {"0": 100, "1": 7, "4": 3, "none": 10}
    assert local.statistics(as_of=withdrawal - 1).now.claims == 140


@on_both
def test_items_that_were_withdrawn_by_name_count_up_to_their_withdrawal_and_once(registry: Registry) -> None:
    local, acme, positions = community(registry)
    first = local.withdraw(positions[0], digests(range(10))).position
    local.withdraw(positions[0], digests(range(10, 15)))
    acme.withdraw(positions[3], digests([300]))
    with pytest.raises(errors.Conflict, match=f"was already withdrawn at position {first}"):
        local.withdraw(positions[0], digests([9, 99]))
    now = local.statistics().now
    assert (now.claims, now.registrations) == (124, 5)
    assert now.by_generation == {"0": 85, "1": 27, "4": 2, "none": 10}
    assert now.by_organization == {"acme": 19, "local": 105}
    assert {dataset.name: dataset.claims for dataset in local.datasets()} == now.by_dataset
    assert local.statistics(as_of=first).now.claims == 130
    local.withdraw(positions[0])  # and the rest of it
    now = local.statistics().now
    assert now.by_generation == {"1": 27, "4": 2, "none": 10}
    assert {dataset.name: dataset.claims for dataset in local.datasets()} == now.by_dataset


def test_statistics_of_an_earlier_position_stay_as_they_were(registry: Registry) -> None:
    local, _, positions = community(registry)
    then = local.statistics(as_of=positions[1]).now
    assert (then.position, then.claims) == (positions[1], 110)
    assert then.by_origin == {"human": 100, "unstated": 10}
    say(local, "local/texts", digests(range(500, 600)))
    assert local.statistics(as_of=positions[1]).now == then
    assert local.statistics(as_of=0).now.claims == 0
    with pytest.raises(errors.Refused, match="does not exist yet"):
        local.statistics(as_of=local.statistics().now.position + 1)


def test_the_history_is_as_many_earlier_positions_as_asked_evenly_and_oldest_first(registry: Registry) -> None:
    local, _, positions = community(registry)
    head = positions[-1]
    assert local.statistics().points == []
    for limit in (1, 3, 5, 100):
        history = local.statistics(points=limit)
        history_positions = [point.position for point in history.points]
        assert history_positions == sorted(set(history_positions))
        assert len(history_positions) == min(limit, head - 1)
        assert all(0 < position < head for position in history_positions)
        assert np.ptp(np.diff([0, *history_positions, head])) <= 1
        assert history.points == [local.statistics(as_of=position).now for position in history_positions]
        assert history.now == local.statistics().now
    with pytest.raises(errors.Refused, match=r"query\.points"):
        local.statistics(points=101)
