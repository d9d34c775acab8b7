"""The log: statements are canonical bytes, at positions without a gap, and never change."""

import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta, timezone
from hashlib import sha256
from typing import Any, get_args

import httpx2
import pytest

from firsthand import Client, errors
from firsthand.core import canonical, merkle
from firsthand.core.digests import sort_unique, to_text
from firsthand.files.inputs import Digested
from firsthand.schemas.models import TrainedOn
from firsthand.schemas.statements import Kind, Statement
from service.log.rules import MAX_BYTES
from service.settings import Settings
from service.storage import tables
from service.storage.engine import Database
from tests.conftest import Registry, on_both
from tests.factories import digests

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
COLLECTED = datetime(2024, 2, 29, 23, 59, 59, 999_999, tzinfo=timezone(timedelta(hours=-7)))


def all_kinds(registry: Registry) -> None:
    """A statement of every kind."""
    other, client = registry.join("acme"), registry.client()
    client.put_dataset("local/texts", title="Texte: é, “quoted”, \N{PILE OF POO}, \x01, </script>")
    head = client.statistics().now.position
    trained_on = [TrainedOn(dataset="local/texts", position=head)]
    client.put_model("local/writer@1", trained_on=trained_on, served_from=COLLECTED)
    (made,) = client.register(
        "local/texts", Digested(digests(range(5))), origin="model", model="local/writer@1", collected_at=COLLECTED,
        sizes=[1, 2, 3, 4, 5], confidences=[255] * 5,
    )  # fmt: skip
    other.dispute(made.id, digests([1, 2]), reason="these are mine")
    client.withdraw(made.id, digests([4]), reason="not these")
    client.revoke_key(client.create_key("local").id)


def stored(settings: Settings) -> list[Any]:
    """The rows of the log."""
    database = Database(settings)
    with database.reads() as session:
        rows = session.execute(tables.statements.select().order_by(tables.statements.c.position)).all()
    database.close()
    return list(rows)


def times(value: Any, name: str = "") -> list[str]:
    """Every time in a body, found by the name of its member."""
    if isinstance(value, dict):
        return [time for key, inner in value.items() for time in times(inner, key)]
    if isinstance(value, list):
        return [time for inner in value for time in times(inner)]
    return [value] if name.endswith(("_at", "_from")) else []


@on_both
def test_a_statement_is_its_canonical_bytes_and_its_digest_is_theirs(registry: Registry) -> None:
    all_kinds(registry)
    rows, statements = stored(registry.settings), list(registry.client().statements())
    assert {row.kind for row in rows} == set(get_args(Kind))
    for row, statement in zip(rows, statements, strict=True):
        assert canonical.encode(json.loads(row.body)) == row.body
        assert sha256(row.body).digest() == row.digest
        # whoever reads the log over HTTP can compute the digest again
        assert to_text(sha256(canonical.encode(statement.body)).digest()) == statement.digest == to_text(row.digest)
        assert registry.client().statement(row.position) == statement


def test_every_statement_says_its_kind_its_speaker_and_when(registry: Registry) -> None:
    all_kinds(registry)
    for statement in registry.client().statements():
        body = statement.body
        assert (body["kind"], body["organization"]) == (statement.kind, statement.organization)
        assert body["recorded_at"] == canonical.timestamp(statement.recorded_at)
        assert abs(statement.recorded_at - datetime.now(UTC)) < timedelta(minutes=5)


def test_times_are_utc_in_whole_seconds_however_they_were_given(registry: Registry) -> None:
    all_kinds(registry)
    stored_times = [time for row in stored(registry.settings) for time in times(json.loads(row.body))]
    assert len(stored_times) > len(get_args(Kind))
    assert [time for time in stored_times if not TIME.fullmatch(time)] == []
    of: dict[str, Statement] = {statement.kind: statement for statement in registry.client().statements()}
    assert of["registration"].body["collected_at"] == "2024-03-01T06:59:59Z"
    assert of["model"].body["served_from"] == "2024-03-01T06:59:59Z"


def test_statements_say_what_their_kind_says(registry: Registry) -> None:
    all_kinds(registry)
    of: dict[str, dict[str, Any]] = {statement.kind: statement.body for statement in registry.client().statements()}
    items, _ = sort_unique(digests(range(5)))
    assert of["organization"]["name"] == "acme"
    assert of["dataset"] | {"dataset": "local/texts", "profile": "bytes-1"} == of["dataset"]
    assert of["dataset"]["title"].endswith("</script>")
    assert of["model"]["trained_on"] == [{"dataset": "local/texts", "position": 3}]
    assert of["derivation"] | {"generation": 1, "lower_bound": True, "basis": "computed"} == of["derivation"]
    registration = of["registration"]
    assert registration["items"] == {"count": 5, "profile": "bytes-1", "root": to_text(merkle.root(items))}
    assert registration["columns"].keys() == {"size", "confidence"}
    assert (registration["model"], "generation" in registration) == ("local/writer@1", False)
    named, _ = sort_unique(digests([1, 2]))
    assert of["dispute"]["items"] == {"count": 2, "root": to_text(merkle.root(named))}
    assert of["withdrawal"]["items"] == {"count": 1, "root": to_text(merkle.root(digests([4])))}
    assert of["revocation"].keys() == {"kind", "organization", "recorded_at", "key"}


@on_both
def test_positions_have_no_gap_also_when_many_write_at_once_and_some_are_refused(registry: Registry) -> None:
    client = registry.client()
    client.put_dataset("local/texts")

    def write(number: int) -> int:
        try:
            if number % 3 == 0:
                return client.put_dataset(f"local/d{number % 6}").position
            if number % 3 == 1:
                return client.register("local/texts", [str(number)], origin="human")[0].id
            client.put_dataset("acme/texts")
        except errors.Forbidden:
            return 0
        raise AssertionError("a dataset of another organization was taken")

    with ThreadPoolExecutor(8) as threads:
        answered = set(threads.map(write, range(36))) - {0}
    statements = list(client.statements())
    assert [statement.position for statement in statements] == list(range(1, len(statements) + 1))
    assert answered | {1, 2} == {statement.position for statement in statements}
    times = [statement.recorded_at for statement in statements]
    assert times == sorted(times)


def model_statement(client: Client, organization: str, sources: list[TrainedOn], title: str) -> int:
    """The number of canonical bytes of the statement that such a model would be."""
    statements = {
        "kind": "model", "organization": organization, "recorded_at": canonical.timestamp(datetime.now(UTC)),
        "model": f"{organization}/m@1", "title": title,
        "trained_on": [source.model_dump(mode="json", exclude_none=True) for source in sources],
    }  # fmt: skip
    return len(canonical.encode(statements))


@on_both
def test_a_statement_has_16_kib_at_most_and_a_longer_one_is_refused_whole(registry: Registry) -> None:
    organization, dataset = "o" * 100, f"{'o' * 100}/{'d' * 100}"
    client = registry.join(organization)
    position = client.put_dataset(dataset).position
    sources = [TrainedOn(dataset=dataset, position=position)] * 64
    longest = "x" * (MAX_BYTES - model_statement(client, organization, sources, ""))
    assert 0 < len(longest) < 2_000
    with pytest.raises(errors.Refused, match=r"has 16,385 bytes in canonical form, and the limit is 16,384") as refused:
        client.put_model(f"{organization}/m@1", trained_on=sources, title=longest + "x")
    assert [error.where for error in refused.value.problem.errors] == ["body"]
    assert client.statistics().now.position == position
    client.put_model(f"{organization}/m@1", trained_on=sources, title=longest)
    (row,) = [row for row in stored(registry.settings) if row.kind == "model"]
    assert len(row.body) == MAX_BYTES == 16_384


@on_both
def test_the_log_is_read_from_any_position_on(registry: Registry, http: httpx2.Client) -> None:
    all_kinds(registry)
    every = list(registry.client().statements())
    for after in (0, 1, len(every) - 1, len(every), len(every) + 100):
        assert list(registry.client().statements(after=after)) == every[after:]
    # page by page too: the cursor goes on from where the page before ended
    page = http.get("/v1/statements", params={"after": 3, "limit": 2}).json()
    assert [entry["position"] for entry in page["items"]] == [4, 5]
    page = http.get("/v1/statements", params={"after": 3, "limit": 2, "cursor": page["next"]}).json()
    assert [entry["position"] for entry in page["items"]] == [6, 7]


def test_a_position_without_a_statement_is_404(http: httpx2.Client) -> None:
    assert http.get("/v1/statements/2").status_code == 404
    assert [http.get(f"/v1/statements/{number}").status_code for number in ("0", "-1", "x", 2**53)] == [422] * 4
