"""The generation of a model follows from what it was trained on."""

import pytest

from firsthand import Client, errors
from firsthand.schemas.mixes import Mix, Part, Recipe
from firsthand.schemas.models import TrainedOn
from tests.conftest import Registry, on_both
from tests.factories import digests, register


def everything(client: Client, size: int | None = None) -> Mix:
    return client.create_mix(Recipe(parts=[Part(size=size)]))


def trained_on(mix: Mix) -> list[TrainedOn]:
    return [TrainedOn(mix=mix.id)]


@on_both
def test_a_chain_of_models_counts_itself_up_without_anybody_typing_a_number(registry: Registry) -> None:
    client = registry.client()
    register(client, digests(range(100)), "human")
    for generation in range(1, 5):
        made = client.put_model(f"local/m@{generation}", trained_on=trained_on(everything(client)))
        assert (made.generation, made.lower_bound, made.basis) == (generation, False, "computed")
        start = 100 * generation
        out = register(client, digests(range(start, start + 100)), "model", model=made.name, dataset="local/out")
        assert out.generation == generation
    assert made.trained_on_counts.generations == {"1": 100, "2": 100, "3": 100}
    assert made.trained_on_counts.human == 100


@on_both
def test_a_dataset_counts_as_it_stood_at_the_position(registry: Registry) -> None:
    client = registry.client()
    human = register(client, digests(range(10)), "human")
    first = client.put_model("local/m@1", trained_on=[TrainedOn(dataset="local/texts", position=human.id)])
    register(client, digests(range(10, 20)), "model", model="local/m@1")
    early = client.put_model("local/m@2", trained_on=[TrainedOn(dataset="local/texts", position=human.id)])
    head = client.statistics().now.position
    late = client.put_model("local/m@3", trained_on=[TrainedOn(dataset="local/texts", position=head)])
    assert (first.generation, early.generation, late.generation) == (1, 1, 2)


def test_unknown_items_make_a_lower_bound_and_it_is_handed_on(registry: Registry) -> None:
    client = registry.client()
    register(client, digests(range(10)), "human")
    register(client, digests(range(10, 20)), "unstated", dataset="local/crawl")
    first = client.put_model("local/m@1", trained_on=trained_on(everything(client)))
    assert (first.generation, first.lower_bound, first.trained_on_counts.unknown) == (1, True, 10)
    out = register(client, digests(range(20, 30)), "model", model="local/m@1", dataset="local/out")
    assert out.lower_bound
    only = client.create_mix(Recipe(parts=[Part(datasets=["local/out"])]))
    second = client.put_model("local/m@2", trained_on=trained_on(only))
    assert (second.generation, second.lower_bound) == (2, True)


def test_a_typed_generation_that_contradicts_is_refused_with_both_numbers(registry: Registry) -> None:
    client = registry.client()
    register(client, digests(range(10)), "human")
    with pytest.raises(errors.Refused) as refused:
        client.put_model("local/m@1", trained_on=trained_on(everything(client)), generation=3)
    assert "3 contradicts" in refused.value.problem.detail
    assert "which is 1" in refused.value.problem.detail
    client.put_model("local/m@1", trained_on=trained_on(everything(client)), generation=1)
    client.put_dataset("local/out")
    with pytest.raises(errors.Refused) as refused:
        client.register("local/out", [b"text"], origin="model", model="local/m@1", generation=2)
    assert "2 contradicts" in refused.value.problem.detail
    assert "which is 1" in refused.value.problem.detail


def test_a_model_whose_training_data_nobody_registered_may_declare_one_and_is_marked(registry: Registry) -> None:
    client = registry.client()
    declared = client.put_model("local/m@1", generation=2)
    assert (declared.generation, declared.basis, declared.lower_bound) == (2, "declared", False)
    silent = client.put_model("local/m@2")
    assert (silent.generation, silent.basis, silent.lower_bound) == (1, "unknown", True)


def test_above_a_lower_bound_a_typed_generation_contradicts_nothing(registry: Registry) -> None:
    client = registry.client()
    register(client, digests(range(10)), "unstated")
    made = client.put_model("local/m@1", trained_on=trained_on(everything(client)), generation=5)
    assert (made.generation, made.lower_bound) == (1, True)


def test_no_model_can_be_its_own_ancestor(registry: Registry) -> None:
    """A model refers to what has a position; its own output has none before it is registered."""
    client = registry.client()
    register(client, digests(range(10)), "human")
    head = client.statistics().now.position
    with pytest.raises(errors.Refused, match="does not exist yet"):
        client.put_model("local/m@1", trained_on=[TrainedOn(dataset="local/texts", position=head + 1)])
    with pytest.raises(errors.Refused, match="no mix"):
        client.put_model("local/m@1", trained_on=[TrainedOn(mix="0" * 32)])
    client.put_model("local/m@1", trained_on=[TrainedOn(dataset="local/texts", position=head)])
    register(client, digests(range(10, 20)), "model", model="local/m@1")
    with pytest.raises(errors.Conflict):  # nor can it be said later that it was trained on that
        client.put_model("local/m@1", trained_on=[TrainedOn(dataset="local/texts", position=head + 3)])


def test_a_chain_that_grows_without_end_is_refused_before_it_is_stored(registry: Registry) -> None:
    client = registry.client()
    client.put_model("local/m@1", generation=32_000)
    register(client, digests(range(10)), "model", model="local/m@1")
    with pytest.raises(errors.Refused, match="above 32,000"):
        client.put_model("local/m@2", trained_on=trained_on(everything(client)))
    assert client.statistics().now.by_generation == {"32000": 10}


def test_what_was_declared_is_kept_beside_what_is_computed(registry: Registry) -> None:
    client = registry.client()
    register(client, digests(range(10)), "unstated")
    made = client.put_model("local/m@1", trained_on=trained_on(everything(client)), generation=7)
    assert (made.generation, made.declared) == (1, 7)


def test_the_same_body_again_is_answered_and_another_is_a_conflict(registry: Registry) -> None:
    client = registry.client()
    first = client.put_model("local/m@1", generation=2, title="small")
    before = client.statistics().now.position
    assert client.put_model("local/m@1", generation=2, title="small") == first
    assert client.statistics().now.position == before
    with pytest.raises(errors.Conflict):
        client.put_model("local/m@1", generation=3, title="small")


def test_a_model_of_another_organization_cannot_be_registered(registry: Registry) -> None:
    with pytest.raises(errors.Forbidden):
        registry.join("other").put_model("local/m@1")
