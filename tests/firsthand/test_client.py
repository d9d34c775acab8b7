"""The client against a registry that is really served."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pytest

import firsthand
from firsthand import Client, Digest, Digested, Part, Recipe, TrainedOn, errors
from firsthand.core import merkle
from firsthand.core.digests import from_text, sort_unique, to_bytes, to_text
from firsthand.core.verdicts import VERDICTS
from firsthand.files.inputs import Item
from firsthand.http import request_bodies
from firsthand.schemas.items import MAX_LOOKUP
from tests.conftest import Registry, on_both
from tests.factories import digest, digests


def make_datasets_and_a_model(registry: Registry) -> None:
    """Make a dataset of texts, one of files, and a model of generation 2."""
    client = registry.client()
    client.put_dataset("local/texts", profile="text-1")
    client.put_dataset("local/files")
    client.put_model("local/writer@1", generation=2)


pytestmark = pytest.mark.prepare.with_args(make_datasets_and_a_model)


def words(lookup: firsthand.Lookup) -> list[str]:
    return [VERDICTS[code] for code in lookup.verdict]


@on_both
def test_contents_are_registered_under_the_profile_of_their_dataset(client: Client, tmp_path: Path) -> None:
    (tmp_path / "file.txt").write_text("from a\r\nfile")
    (registered,) = client.register("local/texts", ["a  text", tmp_path / "file.txt"], origin="human")
    assert (registered.items, registered.new, registered.known) == (2, 2, 0)
    assert words(client.check(["a text", "from a\nfile", "unheard of"])) == ["human", "human", "unknown"]
    assert words(client.check([Digest(firsthand.core.digests.digest_text("a text"))])) == ["human"]


def test_items_are_registered_in_batches_and_progress_is_reported_after_each(client: Client) -> None:
    progress: list[int] = []
    answers = client.register(
        "local/files", Digested(digests(range(25))), origin="human", batch=10, progress=progress.append
    )
    assert [answer.items for answer in answers] == progress == [10, 10, 5]
    assert client.dataset("local/files").claims == 25


def test_a_register_that_broke_off_is_just_run_again(client: Client) -> None:
    def breaks_off() -> Iterator[str]:
        yield from (f"text {n}" for n in range(25))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        client.register("local/texts", breaks_off(), origin="human", batch=10)
    assert client.dataset("local/texts").registrations == 2
    answers = client.register("local/texts", (f"text {n}" for n in range(25)), origin="human", batch=10)
    assert [answer.items for answer in answers] == [10, 10, 5]
    assert (client.dataset("local/texts").registrations, client.dataset("local/texts").claims) == (3, 25)


def test_what_is_registered_again_is_all_known(client: Client) -> None:
    items = Digested(digests(range(25)))
    (first,) = client.register("local/files", items, origin="human")
    (again,) = client.register("local/files", items, origin="human")
    assert (first.new, first.known) == (25, 0)
    assert (again.id, again.new, again.known) == (first.id, 0, 25)


def test_registering_items_that_were_withdrawn_by_name_again_is_refused(client: Client) -> None:
    items = digests(range(25))
    (first,) = client.register("local/files", Digested(items), origin="human")
    client.withdraw(first.id, items[:2])
    client.withdraw(first.id, items[2:3])
    assert client.registration(first.id).withdrawn_items == 3
    with pytest.raises(errors.Withdrawn, match=r"and then 3 of them were withdrawn"):
        client.register("local/files", Digested(items), origin="human")


def test_registering_a_withdrawn_batch_again_is_refused_without_a_new_occasion(client: Client) -> None:
    items = Digested(digests(range(25)))
    first, second, _ = client.register("local/files", items, origin="human", batch=10)
    withdrawal = client.withdraw(second.id)
    with pytest.raises(errors.Withdrawn, match=r"--again; in Python, pass an `occasion`") as raised:
        client.register("local/files", items, origin="human", batch=10)
    assert (raised.value.registration, raised.value.withdrawal) == (second.id, withdrawal.position)
    assert words(client.lookup(digests([0, 15]))) == ["human", "unknown"]
    anew = client.register("local/files", items, origin="human", batch=10, occasion="they were human after all")
    assert all(answer.id > withdrawal.position for answer in anew)
    assert words(client.lookup(digests([0, 15]))) == ["human", "human"]
    assert client.register("local/files", Digested(digests(range(10))), origin="human")[0].id == first.id


class Counting(httpx2.HTTPTransport):
    """The real transport, which keeps count of the calls."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: Counter[str] = Counter()

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        self.calls[f"{request.method} {request.url.path}"] += 1
        return super().handle_request(request)


def test_batches_that_are_new_cost_no_question_each(client: Client, registry: Registry) -> None:
    wire = Counting()
    with Client(registry.url, registry.api_key, transport=wire) as counted:
        counted.register("local/files", Digested(digests(range(50))), origin="human", batch=10)
    assert wire.calls == {"POST /v1/lookups": 1, "POST /v1/datasets/local/files/registrations": 5}


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Registries of this test let nobody read without a key for it."""
    monkeypatch.setenv("FIRSTHAND_PUBLIC_READ", "false")


@pytest.mark.usefixtures("closed")
def test_a_key_that_may_only_write_registers(client: Client, registry: Registry) -> None:
    writer = registry.client(client.create_key("local", "a pipeline", scopes=["write"]).key)
    with pytest.raises(errors.Forbidden):
        writer.lookup(digests([0]))
    (answer,) = writer.register("local/files", Digested(digests(range(5))), origin="human")
    assert (answer.new, answer.known) == (5, 0)


def test_another_statement_on_the_same_items_is_another_registration(client: Client) -> None:
    items = Digested(digests(range(5)))
    (human,) = client.register("local/files", items, origin="human")
    (dated,) = client.register("local/files", items, origin="human", collected_at=datetime(2020, 1, 1, tzinfo=UTC))
    (model,) = client.register("local/files", items, origin="model", model="local/writer@1")
    assert len({human.id, dated.id, model.id}) == 3
    assert (model.new, model.known, model.generation) == (0, 5, 2)


def test_columns_go_with_their_items(client: Client) -> None:
    sizes, confidences = np.arange(1, 8) * 1_000, [10, 20, 30, 40, 50, 60, 70]
    answers = client.register(
        "local/files", Digested(digests(range(7))), origin="human", sizes=sizes, confidences=confidences, batch=3
    )
    assert {tuple(sorted(answer.columns)) for answer in answers} == {("confidence", "size")}
    mix = client.create_mix(Recipe(unit="size", parts=[Part(verdict_in=["human"])]))
    assert mix.parts[0].size == 28_000


def test_the_same_columns_are_the_same_bytes_and_so_have_the_same_key() -> None:
    items, sizes, confidences = Digested(digests(range(7))), np.arange(7), np.arange(7, dtype=np.uint8)
    bodies = [
        [batch.encode() for batch in request_bodies.bulk_bodies(items, "bytes-1", 3, given, confidences)]
        for given in (sizes, sizes.astype(np.uint32), list(range(7)))
    ]
    assert bodies[0] == bodies[1] == bodies[2]
    assert {media for _, media in bodies[0]} == {"application/vnd.apache.arrow.stream"}


def test_contents_are_measured_as_they_are_read(client: Client, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(100))
    contents: list[Item] = [b"x" * 10, "zwölf", tmp_path / "file"]
    client.register("local/files", iter(contents), origin="human", sizes="bytes", batch=2)
    client.register("local/files", np.zeros((1, 25), dtype=np.float64), origin="human", sizes="bytes")
    mix = client.create_mix(Recipe(unit="size", parts=[Part()]))
    assert mix.parts[0].size == 10 + 6 + 100 + 200
    for items in (Digested(digests([1])), [Digest(digest(1))]):
        with pytest.raises(TypeError, match="pass the sizes of all items as `sizes`"):
            client.register("local/files", items, origin="human", sizes="bytes")
    with pytest.raises(TypeError, match="pass a list"):
        client.register("local/files", "one text", origin="human", sizes="bytes")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"sizes": [1, 2]}, "`sizes` must have one entry per item, but it has 2 entries for at least 3 items"),
        ({"sizes": [1, 2, 3, 4]}, "`sizes` must have one entry per item, but it has 4 entries for 3 items"),
        ({"sizes": [1, 2, -3]}, "`sizes` must be between 0 and 4294967295"),
        ({"confidences": [1, 2, 256]}, "`confidences` must be between 0 and 255"),
        ({"confidences": [0.1, 0.2, 0.3]}, "`confidences` must be a list of whole numbers"),
    ],
)
def test_columns_that_do_not_fit_their_items_are_refused(client: Client, columns: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        client.register("local/files", Digested(digests(range(3))), origin="human", **columns)


def test_a_statement_that_contradicts_itself_is_refused_before_anything_is_sent(client: Client) -> None:
    with pytest.raises(errors.InvalidArgument, match="the origin model needs a model"):
        client.register("local/files", Digested(digests(range(3))), origin="model")


def test_a_registration_and_its_digests_are_read_back(client: Client) -> None:
    items = digests(range(100))
    (registered,) = client.register("local/files", Digested(items), origin="unstated", evidence="capture")
    read = client.registration(registered.id)
    once, _ = sort_unique(items)
    assert (read.origin, read.evidence, read.items, read.generation) == ("unstated", "capture", 100, None)
    assert client.registration_digests(registered.id).tolist() == once.tolist()
    assert from_text(read.root) == merkle.root(once)


@on_both
def test_a_look_up_keeps_the_order_asked_and_all_its_columns(client: Client) -> None:
    client.register("local/files", Digested(digests(range(10))), origin="human")
    client.register("local/files", Digested(digests(range(5, 15))), origin="model", model="local/writer@1")
    answers = client.lookup(digests([20, 12, 7, 1, 12]))
    assert words(answers) == ["unknown", "model", "contested", "human", "model"]
    assert answers.generation.tolist() == [-1, 2, -1, 0, 2]
    assert [answers.models[row] for row in (0, 1, 4)] == [None, "local/writer@1", "local/writer@1"]
    assert answers.counts() == {"unknown": 1, "human": 1, "model": 2, "contested": 1}
    assert client.lookup(digests([7]), policy="pessimistic").generation.tolist() == [2]
    assert words(client.lookup(digests([7]), as_of=answers.position - 1)) == ["human"]


def test_a_long_look_up_is_asked_in_parts_at_one_position(client: Client, registry: Registry) -> None:
    """The registry grows between the parts, and no part sees it."""
    known, many = digests([1]), np.zeros((2 * MAX_LOOKUP + 1, 32), dtype=np.uint8)
    many[-1] = known[0]

    class Growing(httpx2.HTTPTransport):
        def handle_request(self, request: httpx2.Request) -> httpx2.Response:
            answer = super().handle_request(request)
            answer.read()
            client.register("local/files", Digested(known), origin="human")
            return answer

    with Client(registry.url, transport=Growing()) as watched:
        answers = watched.lookup(many)
    assert len(answers.verdict) == len(many)
    assert words(answers)[-1] == "unknown"
    assert words(client.lookup(known)) == ["human"]


def test_asking_nothing_answers_nothing(client: Client) -> None:
    answers = client.lookup(digests([]))
    assert (answers.verdict.shape, answers.models, sum(answers.counts().values())) == ((0,), [], 0)
    assert client.check([]).verdict.shape == (0,)


def test_an_item_is_returned_with_all_its_claims(client: Client) -> None:
    client.register("local/files", Digested(digests([1])), origin="human", evidence="capture")
    (made,) = client.register("local/files", Digested(digests([1])), origin="model", model="local/writer@1")
    item = client.item(digest(1))
    assert item == client.item(Digest(digest(1)))
    assert (item.digest, item.verdict, len(item.claims)) == (to_text(digest(1)), "contested", 2)
    assert client.item(digest(1), policy="pessimistic").verdict == "model"
    assert client.item(digest(1), as_of=made.id - 1).verdict == "human"
    assert client.item(digest(2)).verdict == "unknown"


def test_a_mix_is_drawn_once_and_streamed_in_its_order(client: Client) -> None:
    client.register("local/files", Digested(digests(range(3_000))), origin="human")
    recipe = Recipe(seed=5, parts=[Part(verdict_in=["human"], size=2_500)])
    counted = client.create_mix(recipe, dry_run=True)
    mix = client.create_mix(recipe)
    assert (counted.id, counted.items, counted.digest) == (None, 2_500, mix.digest)
    assert mix.id is not None
    assert client.mix(mix.id) == mix == client.create_mix(recipe)
    drawn = [d for piece in client.mix_digests(mix.id) for d in to_bytes(piece)]
    assert len(drawn) == len(set(drawn)) == 2_500
    assert to_text(firsthand.core.digests.digest_bytes(b"".join(drawn))) == mix.digest


@pytest.mark.parametrize("size", [1, 7, 31, 33, 1_000])
def test_a_stream_is_cut_into_digests_wherever_its_pieces_end(size: int) -> None:
    content = digests(range(50)).tobytes()

    def pieces() -> Iterator[bytes]:
        yield from (content[start : start + size] for start in range(0, len(content), size))

    transport = httpx2.MockTransport(lambda request: httpx2.Response(200, content=pieces()))
    with Client("http://registry.test", transport=transport) as client:
        assert b"".join(piece.tobytes() for piece in client.mix_digests("0" * 32)) == content


def test_a_stream_that_ends_inside_of_a_digest_is_an_error() -> None:
    transport = httpx2.MockTransport(lambda request: httpx2.Response(200, content=bytes(40)))
    with Client("http://registry.test", transport=transport) as client, pytest.raises(errors.NotUnderstood):
        list(client.mix_digests("0" * 32))


def test_a_model_is_what_it_was_trained_on(client: Client) -> None:
    (registered,) = client.register("local/files", Digested(digests(range(10))), origin="human")
    mix = client.create_mix(Recipe(parts=[Part(size=5)]))
    trained_on = [TrainedOn(dataset="local/files", position=registered.id), TrainedOn(mix=mix.id)]
    model = client.put_model("local/writer@3", trained_on, served_from=datetime(2024, 1, 1, tzinfo=UTC), title="Third")
    assert (model.generation, model.basis, model.trained_on) == (1, "computed", trained_on)
    assert (
        model
        == client.model("local/writer@3")
        == client.put_model("local/writer@3", trained_on, served_from=datetime(2024, 1, 1, tzinfo=UTC), title="Third")
    )
    assert [m.name for m in client.models()] == ["local/writer@1", "local/writer@3"]
    with pytest.raises(errors.Conflict):
        client.put_model("local/writer@3", trained_on, title="Another")


def test_claims_are_withdrawn_and_contested_whole_or_by_item(client: Client, registry: Registry) -> None:
    (mine,) = client.register("local/files", Digested(digests(range(10))), origin="human")
    other = registry.join("other")
    dispute = other.dispute(mine.id, digests([1, 2]), reason="we made these")
    assert words(client.lookup(digests([0, 1, 2]))) == ["human", "contested", "contested"]
    assert client.registration(mine.id).disputes == [dispute.position]
    other.withdraw(dispute.position)
    client.withdraw(mine.id, digests([0]), reason="a mistake")
    assert words(client.lookup(digests([0, 1, 2]))) == ["unknown", "human", "human"]
    client.withdraw(mine.id)
    assert words(client.lookup(digests([0, 1, 2]))) == ["unknown"] * 3
    with pytest.raises(errors.Forbidden):
        other.withdraw(mine.id)


@pytest.mark.slow
@pytest.mark.parametrize(
    "call",
    [
        Client.revoke_key,
        Client.rotate_key,
        Client.mix,
        lambda client, id_: next(client.mix_digests(id_)),
        lambda client, id_: next(client.mix_file(id_, "application/x-ndjson")),
        lambda client, id_: next(client.mix_diff(id_)),
        Client.snapshot,
        lambda client, id_: client.pull_snapshot("nowhere", id_),
        Client.dataset,
        Client.model,
    ],
)
@pytest.mark.parametrize("id_", ["", "a\nb", "..", "a/b?c", "é" * 32])
def test_what_becomes_a_path_is_checked_before_it_is_sent(call: Callable[[Client, str], object], id_: str) -> None:
    with Client("http://127.0.0.1:9", retries=0) as client, pytest.raises(ValueError, match="is not "):
        call(client, id_)


def test_whoami_names_the_organization_of_a_key_until_the_key_is_revoked(client: Client, registry: Registry) -> None:
    assert client.whoami().organization == "local"
    client.create_organization("acme", "Acme Ltd")
    assert [o.name for o in client.organizations()] == ["acme", "local"]
    issued = client.create_key("acme", "nightly", scopes=["read"])
    theirs = registry.client(issued.key)
    assert (theirs.whoami().organization, theirs.whoami().scopes) == ("acme", ["read"])
    with pytest.raises(errors.Forbidden, match="write"):
        theirs.put_dataset("acme/web")
    revocation = client.revoke_key(issued.id)
    assert client.statement(revocation.position).kind == "revocation"
    with pytest.raises(errors.Unauthorized, match="revoked"):
        theirs.whoami()
    listed = {key.id: key for key in client.keys()}  # noqa: SIM118 - a list of the registry's, no dictionary
    assert listed[issued.id].revoked_at is not None


def test_the_log_and_its_statistics_are_read_from_any_position(client: Client) -> None:
    client.register("local/files", Digested(digests(range(3))), origin="human")
    log = list(client.statements())
    assert [statement.position for statement in log] == list(range(1, len(log) + 1))
    assert [statement.position for statement in client.statements(after=3)] == [s.position for s in log[3:]]
    assert client.statement(len(log)).kind == "registration"
    history = client.statistics(points=2)
    assert (history.now.claims, history.now.position) == (3, len(log))
    assert client.statistics(as_of=len(log) - 1).now.claims == 0


def test_health_is_a_question_that_never_fails(client: Client) -> None:
    assert client.health()
    assert client.ready()
    with Client("http://127.0.0.1:9") as nobody:
        assert not nobody.health()
        assert not nobody.ready()


def test_a_name_that_is_none_is_refused_before_anything_is_sent() -> None:
    with Client("http://127.0.0.1:9") as client:
        with pytest.raises(ValueError, match="organization/name"):
            client.dataset("../keys")
        with pytest.raises(ValueError, match="organization/name@version"):
            client.model("local/writer")
