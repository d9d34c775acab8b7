"""Many small statements in one body: each has its own answer, and together they are what they would be singly."""

import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import httpx2
import numpy as np
import pytest
from sqlalchemy import func, select

from firsthand import Client
from firsthand.core.digests import to_bytes, to_text
from firsthand.core.verdicts import CONTESTED, IS_HUMAN
from firsthand.files.inputs import Digested
from firsthand.schemas.mixes import Part, Recipe
from firsthand.schemas.registrations import NewStatement
from service.claims.catalog import Catalog
from service.storage import tables
from service.storage.engine import Database
from tests.conftest import Registry, on_both
from tests.factories import digest, digests, model

JSON, NDJSON = "application/json", "application/x-ndjson"
PATH = "/v1/registrations:batch"


def make_datasets_and_a_model(registry: Registry) -> None:
    """Make two datasets and a model of generation 1."""
    client = registry.client()
    for name in ("local/texts", "local/other"):
        client.put_dataset(name)
    model(client, "local/m@1")


pytestmark = pytest.mark.prepare.with_args(make_datasets_and_a_model)


def statement_of(numbers: Sequence[int], origin: str = "human", **more: Any) -> dict[str, Any]:
    by = {"model": "local/m@1"} if origin == "model" else {}
    return {"dataset": "local/texts", "origin": origin, "digests": [to_text(digest(n)) for n in numbers], **by, **more}


def statements(*given: dict[str, Any]) -> list[NewStatement]:
    return [NewStatement(**fields) for fields in given]


def post(http: httpx2.Client, *given: Any, key: str | None = None) -> httpx2.Response:
    return http.post(PATH, json={"statements": list(given)}, headers={"Idempotency-Key": key} if key else {})


@on_both
def test_each_statement_is_a_registration_of_its_own(client: Client) -> None:
    first, second = client.register_batch(
        statements(
            statement_of(range(3), evidence="capture", collected_at="2024-05-01T00:00:00Z", size=[7, 8, 9]),
            statement_of(range(10, 12), "model", dataset="local/other", confidence=[1, 2]),
        )
    )
    assert first.id is not None
    assert second.id == first.id + 1
    human, by_model = client.registration(first.id), client.registration(second.id)
    assert (human.dataset, human.origin, human.evidence, human.columns) == ("local/texts", "human", "capture", ["size"])
    assert (by_model.dataset, by_model.model, by_model.generation) == ("local/other", "local/m@1", 1)
    assert to_bytes(client.registration_digests(first.id)) == sorted(digest(n) for n in range(3))
    assert client.create_mix(Recipe(unit="size", size=16, parts=[Part(share=1.0)])).parts[0].size in (7, 8, 9, 15, 16)


@on_both
def test_a_batch_leaves_what_its_statements_sent_singly_leave(registry: Registry, client: Client) -> None:
    random = np.random.default_rng(0)
    drawn = [[int(n) for n in random.integers(0, 60, 5)] for _ in range(40)]
    origins = [("human", "model", "unstated")[n % 3] for n in range(40)]
    given = [statement_of(numbers, origin) for numbers, origin in zip(drawn, origins, strict=True)]
    singly = registry.join("single")
    singly.put_dataset("single/texts")
    alone = [
        singly.register(
            "single/texts", Digested(digests([n + 1_000 for n in numbers])), origin=origin,  # type: ignore[arg-type]
            model="local/m@1" if origin == "model" else None, occasion=str(number),
        )[0]
        for number, (numbers, origin) in enumerate(zip(drawn, origins, strict=True))
    ]  # fmt: skip
    together = client.register_batch(statements(*given))
    assert [(done.new, done.known) for done in together] == [(made.new, made.known) for made in alone]
    for policy in ("strict", "pessimistic"):
        batch, single = client.lookup(digests(range(60)), policy), client.lookup(digests(range(1_000, 1_060)), policy)
        assert batch.verdict.tolist() == single.verdict.tolist()
    counts = [
        client.create_mix(Recipe(parts=[Part(datasets=[name])]), dry_run=True).counts
        for name in ("local/texts", "single/texts")
    ]
    assert counts[0] == counts[1]
    assert counts[0].contested > 0


@on_both
def test_a_refused_statement_leaves_nothing_and_the_others_stand(registry: Registry, http: httpx2.Client) -> None:
    registry.client().put_dataset("local/texts")
    registry.join("other").put_dataset("other/texts")
    bad = {
        "does not belong to local": statement_of([1], dataset="other/texts"),
        "There is no dataset": statement_of([2], dataset="local/nothing"),
        "is not a dataset's name": statement_of([3], dataset="Nothing\x00"),
        "is not registered": statement_of([4], "model"),
        "the origin model needs a model": statement_of([5], "human", model="local/m@1"),
        "'alien': use 'human'": statement_of([6], "alien"),
        "add the time zone": statement_of([7], collected_at="2024-05-01T00:00:00"),
        "is not a digest": {**statement_of([8]), "digests": ["sha256:00"]},
        "send at least one digest": statement_of([]),
        "the column has 2 values for 1 digests": statement_of([9], size=[1, 2]),
        "size[0] must be a whole number from 0": statement_of([10], size=[-1]),
        "there is no field colour": statement_of([11], colour="red"),
        "the field digests is missing": {"dataset": "local/texts"},
        "send an object with named fields": 5,
    }
    good = statement_of([100]), statement_of([101])
    answer = post(http, good[0], *bad.values(), good[1])
    assert answer.status_code == 200
    outcomes = answer.json()["outcomes"]
    for words, outcome in zip(bad, outcomes[1:-1], strict=True):
        assert words in outcome["refused"]["detail"]
        assert (outcome["id"], outcome["new"], outcome["known"]) == (None, 0, 0)
    assert [outcomes[n]["refused"] for n in (0, -1)] == [None, None]
    assert [registry.client().registration(outcomes[n]["id"]).items for n in (0, -1)] == [1, 1]
    assert registry.client().statistics().now.claims == 2


def test_a_batch_of_nothing_but_refusals_writes_no_statement(client: Client, http: httpx2.Client) -> None:
    before = len(list(client.statements()))
    assert post(http, statement_of([1], dataset="local/nothing")).status_code == 200
    assert len(list(client.statements())) == before


@pytest.mark.parametrize(
    ("media", "body", "status", "words"),
    [
        (JSON, b'{"statements": []}', 422, "1 to 10,000"),
        (JSON, b'{"statements": [' + b",".join([b"{}"] * 10_001) + b"]}", 422, "10,001"),
        (JSON, b'{"statements": [', 400, "not JSON"),
        (JSON, b'{"statements": 5}', 422, "statements must be a list of statements"),
        (JSON, b"[]", 422, "send an object with named fields"),
        (JSON, b'{"statements": [{}], "more": 1}', 422, "there is no field more"),
        (JSON, b'{"statements": ' + b"[" * 100_000, 400, "more than 32 nested levels"),
        (NDJSON, b"", 422, "1 to 10,000"),
        (NDJSON, b"\n" * 20_000, 422, "20,000 statements"),
        ("application/octet-stream", bytes(32), 415, "is not supported by this call"),
    ],
)
def test_what_is_no_batch_is_refused_as_a_whole(
    client: Client, http: httpx2.Client, media: str, body: bytes, status: int, words: str
) -> None:
    answer = http.post(PATH, content=body, headers={"Content-Type": media})
    assert answer.status_code == status, answer.text
    assert words in answer.json()["detail"]
    assert client.statistics().now.claims == 0


def test_a_line_that_is_no_json_is_refused_alone(client: Client, http: httpx2.Client) -> None:
    lines = [json.dumps(statement_of([1])), "no json", "\x00" * 10, json.dumps(statement_of([2]))]
    answer = http.post(PATH, content="\n".join(lines).encode(), headers={"Content-Type": NDJSON})
    assert [outcome["refused"] is None for outcome in answer.json()["outcomes"]] == [True, False, False, True]


@on_both
def test_the_same_batch_again_gives_the_same_answers_and_adds_nothing(client: Client, http: httpx2.Client) -> None:
    given = statement_of([1]), statement_of([2], dataset="local/nothing")
    answers = [post(http, *given, key="once") for _ in range(2)]
    assert answers[0].json() == answers[1].json()
    assert post(http, *given, statement_of([3]), key="once").status_code == 422
    assert client.statistics().now.claims == 1
    batch = statements(statement_of([4]), statement_of([5]))
    assert client.register_batch(batch) == client.register_batch(batch)
    assert client.register_batch(batch, occasion="again") != client.register_batch(batch)


@on_both
def test_a_dispute_of_old_marks_the_items_of_a_batch(registry: Registry, client: Client) -> None:
    (disputed,) = client.register("local/texts", Digested(digests(range(10))), origin="human")
    registry.join("other").dispute(disputed.id)
    client.register_batch(statements(*(statement_of([n], dataset="local/other") for n in range(10))))
    assert (client.lookup(digests(range(10))).verdict == CONTESTED).all()
    assert client.create_mix(Recipe(parts=[Part(verdict_in=["human"])]), dry_run=True).items == 0


@on_both
def test_two_writers_of_batches_of_the_same_items_contest_every_one(registry: Registry, client: Client) -> None:
    def write(origin: str) -> None:
        numbers = range(2_000) if origin == "human" else range(1_999, -1, -1)
        registry.client().register_batch(statements(*(statement_of([n], origin) for n in numbers)))

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(write, ["human", "model"]))
    assert (client.lookup(digests(range(2_000))).verdict == CONTESTED).all()
    assert client.create_mix(Recipe(parts=[Part(verdict_in=["human", "model"])]), dry_run=True).items == 0
    positions = [statement.position for statement in client.statements()]
    assert positions == list(range(1, len(positions) + 1))


@on_both
@pytest.mark.parametrize("every", [5, 2])  # of a range of registrations, most are asked for, or not
def test_a_mix_of_many_small_registrations_takes_those_of_its_datasets_alone(client: Client, every: int) -> None:
    def dataset(number: int) -> str:
        return "local/other" if number % every == 0 else "local/texts"

    numbers = [list(range(5 * n, 5 * n + 1 + n % 4)) for n in range(400)]
    given = [statement_of(some, dataset=dataset(n), size=[10 * i for i in some]) for n, some in enumerate(numbers)]
    client.register_batch(statements(*given))
    for name in ("local/texts", "local/other"):
        wanted = {digest(i): 10 * i for n, some in enumerate(numbers) for i in some if dataset(n) == name}
        mix = client.create_mix(Recipe(parts=[Part(datasets=[name])]))
        assert {d for part in client.mix_digests(mix.id or "") for d in to_bytes(part)} == wanted.keys()
        sized = client.create_mix(Recipe(unit="size", parts=[Part(datasets=[name])]), dry_run=True)
        assert sized.parts[0].size == sum(wanted.values())


@on_both
def test_registrations_that_share_a_block_are_read_withdrawn_and_seen_each_by_itself(
    registry: Registry, client: Client
) -> None:
    origins = [("human", "model", "human", "unstated")[n % 4] for n in range(40)]
    done = client.register_batch(
        statements(*(statement_of(range(3 * n, 3 * n + 3), origin) for n, origin in enumerate(origins)))
    )
    database = Database(registry.settings)
    with database.reads() as session:
        assert session.scalar(select(func.count()).select_from(tables.blocks)) == len(set(origins))
    database.close()
    for n, outcome in enumerate(done):
        assert to_bytes(client.registration_digests(outcome.id or 0)) == sorted(map(digest, range(3 * n, 3 * n + 3)))

    def human(**more: Any) -> set[bytes]:
        mix = client.create_mix(Recipe(parts=[Part(verdict_in=["human"])], **more))
        return {d for part in client.mix_digests(mix.id or "") for d in to_bytes(part)}

    def items(numbers: Sequence[int]) -> set[bytes]:
        return {digest(i) for n in numbers for i in range(3 * n, 3 * n + 3)}

    humans = [n for n, origin in enumerate(origins) if origin == "human"]
    assert human() == items(humans)
    client.withdraw(done[humans[0]].id or 0)  # the first of its block
    client.withdraw(done[humans[5]].id or 0)
    registry.join("other").dispute(done[humans[7]].id or 0)
    assert human() == items([n for n in humans if n not in (humans[0], humans[5], humans[7])])
    assert human(as_of=done[20].id) == items([n for n in humans if n <= 20])  # in the middle of the batch


@on_both
@pytest.mark.usefixtures("each_way_to_overlaps")
def test_an_item_of_several_statements_of_a_batch_brings_the_size_of_the_earliest(client: Client) -> None:
    datasets = ("local/texts", "local/other", "local/texts", "local/texts", "local/other")
    given = [statement_of([n, n + 1, 99], dataset=name, size=[10, 10, 1_000 + n]) for n, name in enumerate(datasets)]
    client.register_batch(statements(*given))
    for names, size in ((None, 1_000), (["local/other"], 1_001), (["local/texts"], 1_000)):
        mix = client.create_mix(Recipe(unit="size", parts=[Part(datasets=names)]), dry_run=True)
        items = {n + i for n, name in enumerate(datasets) for i in (0, 1) if names is None or name in names}
        assert mix.parts[0].size == 10 * len(items) + size


@on_both
def test_statements_that_fill_a_block_begin_another(client: Client) -> None:
    numbers = np.cumsum([0, 40_000, 30_000, 10, 70_000, 20])
    done = client.register_batch(
        statements(*(statement_of(range(start, end)) for start, end in pairwise(numbers.tolist())))
    )
    for outcome, (start, end) in zip(done, pairwise(numbers.tolist()), strict=True):
        assert to_bytes(client.registration_digests(outcome.id or 0)) == sorted(map(digest, range(start, end)))
    assert client.create_mix(Recipe(parts=[Part(share=1.0)], size=140_000), dry_run=True).items == 140_000


@pytest.mark.slow
def test_a_catalog_that_begins_anew_knows_every_registration(registry: Registry, client: Client) -> None:
    items = digests(range(25_000))
    texts = [to_text(item) for item in to_bytes(items)]
    client.register_batch(
        [NewStatement.model_construct(dataset="local/texts", origin="human", digests=[text]) for text in texts]
    )
    database = Database(registry.settings)
    with database.reads() as session:
        view = Catalog().view(session)
    database.close()
    standing = view.standing()
    assert len(standing) == 25_000
    assert (np.diff(np.sort(view.registrations["position"][standing])) == 1).all()
    assert (view.registrations["items"][standing] == 1).all()
    assert (view.class_verdicts("strict").verdict[view.claim_classes(standing)] == IS_HUMAN).all()
