"""Withdrawals and disputes: new statements about old ones; the past stays as it was."""

import pytest

from firsthand import Client, errors
from firsthand.core.digests import Digests
from firsthand.core.verdicts import VERDICTS
from firsthand.schemas.mixes import Part, Recipe
from tests.conftest import Registry, on_both
from tests.factories import digests, model, register


def verdicts(client: Client, items: Digests, as_of: int | None = None) -> list[str]:
    return [VERDICTS[code] for code in client.lookup(items, as_of=as_of).verdict]


def humans(client: Client, as_of: int | None = None) -> int:
    return client.create_mix(Recipe(as_of=as_of, parts=[Part(verdict_in=["human"])]), dry_run=True).items


@on_both
def test_a_withdrawn_registration_counts_only_before_its_withdrawal(registry: Registry) -> None:
    client = registry.client()
    made = register(client, digests(range(10)), "human")
    withdrawn = client.withdraw(made.id, reason="not ours after all")
    assert withdrawn.items == 10
    assert set(verdicts(client, digests(range(10)))) == {"unknown"}
    assert set(verdicts(client, digests(range(10)), as_of=made.id)) == {"human"}
    assert (humans(client), humans(client, as_of=made.id)) == (0, 10)
    assert client.registration(made.id).withdrawn == withdrawn.position


@on_both
def test_named_items_are_taken_back_and_the_others_stay(registry: Registry) -> None:
    client = registry.client()
    made = register(client, digests(range(10)), "human")
    assert client.withdraw(made.id, digests(range(4))).items == 4
    assert verdicts(client, digests(range(10))) == ["unknown"] * 4 + ["human"] * 6
    assert (humans(client), humans(client, as_of=made.id)) == (6, 10)
    assert client.registration(made.id).withdrawn is None


@on_both
def test_a_standing_dispute_contests_every_item_whoever_else_claims_it(registry: Registry) -> None:
    """Items that two registrations claim alike overlap nowhere, until one of the two is disputed."""
    client, other = registry.client(), registry.join("other")
    made = register(client, digests(range(10)), "human")
    register(client, digests(range(5, 15)), "human", dataset="local/more")
    dispute = other.dispute(made.id, reason="generated, we think")
    register(client, digests(range(8, 20)), "human", dataset="local/later")
    assert verdicts(client, digests(range(20))) == ["contested"] * 10 + ["human"] * 10
    assert humans(client) == 10
    assert client.registration(made.id).disputes == [dispute.position]
    other.withdraw(dispute.position)
    assert set(verdicts(client, digests(range(20)))) == {"human"}
    assert (humans(client), humans(client, as_of=dispute.position)) == (20, 5)


@on_both
def test_a_dispute_of_named_items_contests_those(registry: Registry) -> None:
    client, other = registry.client(), registry.join("other")
    made = register(client, digests(range(10)), "human")
    other.dispute(made.id, digests(range(3)))
    assert verdicts(client, digests(range(10))) == ["contested"] * 3 + ["human"] * 7
    assert humans(client) == 7


@on_both
def test_taking_back_the_one_of_two_claims_settles_a_contested_item(registry: Registry) -> None:
    client = registry.client()
    model(client, "local/m@1")
    register(client, digests(range(10)), "human")
    wrong = register(client, digests(range(10)), "model", model="local/m@1", dataset="local/out")
    assert set(verdicts(client, digests(range(10)))) == {"contested"}
    client.withdraw(wrong.id)
    assert set(verdicts(client, digests(range(10)))) == {"human"}


def test_what_cannot_be_taken_back_or_contested_is_refused_with_the_reason(registry: Registry) -> None:
    client, other = registry.client(), registry.join("other")
    made = register(client, digests(range(10)), "human")
    with pytest.raises(errors.Forbidden, match="You can dispute a registration"):
        other.withdraw(made.id)
    with pytest.raises(errors.Refused, match="withdraw it instead"):
        client.dispute(made.id)
    with pytest.raises(errors.Refused, match="is not claimed"):
        client.withdraw(made.id, digests([99]))
    with pytest.raises(errors.Refused, match="is a dataset"):
        client.withdraw(client.dataset("local/texts").position)
    with pytest.raises(errors.NotFound):
        client.withdraw(10_000)
    client.withdraw(made.id)
    with pytest.raises(errors.Conflict, match="was already withdrawn at position"):
        client.withdraw(made.id)
    with pytest.raises(errors.Conflict, match="was already withdrawn at position"):
        other.dispute(made.id)


def test_an_item_lists_its_claims_with_organization_and_corrections(registry: Registry) -> None:
    client, other = registry.client(), registry.join("other")
    made = register(client, digests(range(3)), "human")
    gone = register(client, digests(range(3)), "unstated", dataset="local/crawl")
    client.withdraw(gone.id)
    dispute = other.dispute(made.id, digests([1]))
    page = client.item(digests([1]).tobytes())
    assert page.verdict == "contested"
    assert [(c.registration, c.origin, c.withdrawn is None, c.disputes) for c in page.claims] == [
        (made.id, "human", True, [dispute.position]),
        (gone.id, "unstated", False, []),
    ]
