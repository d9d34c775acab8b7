"""The hammer reports no fault of the registry, and reports every kind of fault that a test causes."""

from collections.abc import Callable, Iterator
from math import inf
from types import SimpleNamespace
from typing import Any

import httpx2
import numpy as np
import pytest

from benchmarks.hammer.__main__ import main
from benchmarks.hammer.check_log import CHECKS, CheckLog
from benchmarks.hammer.client import HammerClient, WatchingTransport
from benchmarks.hammer.expected_state import (
    CONTESTED,
    HUMAN,
    MODEL,
    UNKNOWN,
    ExpectedRegistration,
    ExpectedState,
    expected_mix,
)
from benchmarks.hammer.final_checks import check_all
from benchmarks.hammer.readers import BuiltMixes, ReaderActor, VerifierActor
from firsthand import Part, Recipe
from firsthand.core.digests import to_bytes
from tests.conftest import Registry, on_both
from tests.factories import digests, model, register


@pytest.mark.slow
@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_ten_seconds_of_load_with_a_kill_show_no_fault(
    database: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    if database == "postgresql":
        monkeypatch.setenv("FIRSTHAND_TEST_POSTGRES_URL", request.getfixturevalue("postgresql"))
    failed = main(["--minutes", "0.17", "--database", database])
    output = capsys.readouterr().out
    print(output)
    assert not failed, output
    assert "killed: 1 servers" in output


def items(*numbers: int) -> frozenset[bytes]:
    return frozenset(to_bytes(digests(numbers)))


@pytest.fixture
def known() -> ExpectedState:
    """Positions 1 to 3 were there before; then two registrations of 2 and 3 that disagree on item 3."""
    made = ExpectedState([1, 2, 3])
    made.add_registration(ExpectedRegistration(4, "local", "local/a", "human", -1, items(2, 3)))
    made.add_registration(ExpectedRegistration(5, "other", "other/a", "model", 2, items(3, 4)))
    return made


def verdicts(made: ExpectedState, at: int, policy: str = "strict") -> list[tuple[int, int]]:
    """Of items 1 to 4: (verdict, generation)."""
    claims = made.claims(to_bytes(digests(range(1, 5))))
    return list(zip(*(column.tolist() for column in claims.judge(at, policy)), strict=True))


def test_the_model_judges_at_every_position_as_design_says(known: ExpectedState) -> None:
    human, written, open_, nobody = (HUMAN, 0), (MODEL, 2), (CONTESTED, -1), (UNKNOWN, -1)
    known.add_dispute(6, 4, items(2))
    known.add_withdrawal(7, 6)
    known.add_dispute(8, 5, None)
    known.add_withdrawal(9, 4, items(3))
    known.add_withdrawal(10, 5)
    assert verdicts(known, 3) == [nobody] * 4
    assert verdicts(known, 4) == [nobody, human, human, nobody]
    assert verdicts(known, 5) == [nobody, human, open_, written]
    assert verdicts(known, 5, "pessimistic") == [nobody, human, written, written]
    assert verdicts(known, 6) == [nobody, open_, open_, written]
    assert verdicts(known, 7) == [nobody, human, open_, written]
    assert verdicts(known, 8) == [nobody, human, open_, open_]
    assert verdicts(known, 8, "pessimistic") == [nobody, human, written, written]
    assert verdicts(known, 9) == [nobody, human, open_, open_]
    assert verdicts(known, 10) == [nobody, human, nobody, nobody]


def test_the_frontier_waits_for_what_nobody_has_been_told_of(known: ExpectedState) -> None:
    assert known.frontier == 5
    known.add_registration(ExpectedRegistration(7, "local", "local/a", "human", -1, items(9)))
    assert (known.frontier, known.newest) == (5, 7)
    known.add_registration(ExpectedRegistration(6, "local", "local/a", "human", -1, items(8)))
    assert known.frontier == 7


@pytest.fixture
def caller(registry: Registry) -> Iterator[HammerClient]:
    up = SimpleNamespace(url=registry.url, down_until=0.0)
    made = HammerClient(up, CheckLog(), registry.api_key)  # type: ignore[arg-type]
    yield made
    made.close()


def filled(registry: Registry) -> ExpectedState:
    """A registry with three registrations, and a model of them all."""
    client = registry.client()
    model(client, "local/m@1")
    for dataset in ("local/a", "local/b"):
        client.put_dataset(dataset)
    known = ExpectedState([statement.position for statement in client.statements()])
    for numbers, origin, dataset in (
        (range(60), "human", "a"),
        (range(50, 90), "model", "b"),
        (range(5), "human", "b"),
    ):
        by = {"model": "local/m@1"} if origin == "model" else {}
        made: Any = register(client, digests(numbers), origin, dataset=f"local/{dataset}", **by)  # type: ignore[arg-type]
        known.add_registration(
            ExpectedRegistration(
                made.id, "local", f"local/{dataset}", origin, 1 if by else -1, frozenset(to_bytes(digests(numbers)))
            )
        )
    return known


RECIPE = Recipe(
    seed=3,
    size=40,
    shortfall="shrink",
    parts=[Part(verdict_in=["human"], share=0.5), Part(generation_in=[1], datasets=["local/b"], share=0.5)],
)


@on_both
def test_the_model_draws_the_same_mixes_and_the_last_checks_find_no_fault(
    registry: Registry, caller: HammerClient
) -> None:
    known, mixes, log = filled(registry), BuiltMixes(), CheckLog()
    mixes.built = [registry.client().create_mix(RECIPE), registry.client().create_mix(Recipe(parts=[Part()]))]
    for mix in mixes.built:
        assert expected_mix(known.claims(known.all_digests()), mix.recipe, mix.position) == (mix.items, mix.digest)
    check_all(caller, known, mixes, log, np.random.default_rng(0))
    assert not log.faults, log.details
    made = {name for name, count in log.made.items() if count}
    assert made >= {"acknowledged and missing", "visible and never sent", "mix differs from the expected mix"}


def lost(known: ExpectedState) -> None:
    known.add_registration(ExpectedRegistration(known.newest + 1, "local", "local/a", "human", -1, items(500)))


def written_twice(known: ExpectedState) -> None:
    (position, *_) = known.registrations
    known._positions.remove(position)


def otherwise(known: ExpectedState) -> None:
    known.registrations[min(known.registrations)].origin = "model"


def an_item_less(known: ExpectedState) -> None:
    registration = known.registrations[min(known.registrations)]
    registration.items = registration.items - items(7)


def an_item_more(known: ExpectedState) -> None:
    registration = known.registrations[min(known.registrations)]
    registration.items = registration.items | items(700)


def withdrawn(known: ExpectedState) -> None:
    known.registrations[min(known.registrations)].items_withdrawn[next(iter(items(7)))] = known.newest


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lost, "acknowledged and missing"),
        (written_twice, "gaps or unknown statements in the log"),
        (otherwise, "verdict differs from the expected verdict"),
        (otherwise, "mix differs from the expected mix"),
        (an_item_less, "visible and never sent"),
        (an_item_more, "acknowledged and missing"),
        (withdrawn, "verdict differs from the expected verdict"),
        (withdrawn, "mix differs from the expected mix"),
        (withdrawn, "visible and never sent"),
    ],
)
def test_what_the_registry_has_otherwise_than_the_model_is_a_fault(
    registry: Registry, caller: HammerClient, change: Callable[[ExpectedState], None], fault: str
) -> None:
    known, mixes, log = filled(registry), BuiltMixes(), CheckLog()
    mixes.built = [registry.client().create_mix(RECIPE)]
    change(known)
    check_all(caller, known, mixes, log, np.random.default_rng(0))
    assert log.faults[fault], log.report(1)


@pytest.mark.parametrize(
    ("change", "faults"),
    [
        (lost, {"acknowledged and missing", "response older than the last acknowledgement"}),
        (otherwise, {"verdict differs from the expected verdict", "mix differs from the expected mix"}),
    ],
)
def test_readers_and_verifiers_find_faults_while_the_load_goes_on(
    registry: Registry, caller: HammerClient, change: Callable[[ExpectedState], None], faults: set[str]
) -> None:
    known, mixes, log, random = filled(registry), BuiltMixes(), CheckLog(), np.random.default_rng(0)
    mixes.built = [registry.client().create_mix(RECIPE).model_copy(update={"digest": "sha256:" + "0" * 64})]
    change(known)
    reader = ReaderActor(caller, known, mixes, log, random)
    verifier = VerifierActor(lambda: caller.with_key(registry.api_key), known, mixes, log, random)
    for _ in range(30):
        reader.act()
        verifier.act()
    assert log.faults.keys() >= faults


@pytest.mark.parametrize(
    ("status", "down_until", "fault"), [(500, 0.0, True), (503, 0.0, True), (503, inf, False), (422, 0.0, False)]
)
def test_a_server_error_is_a_fault_and_a_503_as_long_as_the_server_is_up(
    status: int, down_until: float, fault: bool
) -> None:
    log = CheckLog()
    answering = httpx2.MockTransport(lambda _: httpx2.Response(status))
    watching = WatchingTransport(SimpleNamespace(down_until=down_until), log, answering)  # type: ignore[arg-type]
    watching.handle_request(httpx2.Request("GET", "http://registry.test/v1/lookups"))
    assert bool(log.faults["server error"]) is fault
    assert (f"GET /v1/lookups answered {status}" in log.report(1)) is fault


def test_a_check_that_was_never_made_is_no_success() -> None:
    log = CheckLog()
    for name in CHECKS[1:]:
        log.check(name, True, "")
    assert log.failed
    assert f"never made: {CHECKS[0]}" in log.report(1)
    log.check(CHECKS[0], True, "")
    assert not log.failed
