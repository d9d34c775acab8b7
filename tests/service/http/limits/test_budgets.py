"""Budgets: what requests cost, who pays, and when a caller that has spent its budget may send again."""

from dataclasses import dataclass

import httpx2
import numpy as np
import pytest
from fastapi.testclient import TestClient

from firsthand.core.media_types import RAW
from service.app import create_app
from service.errors import TooManyRequests
from service.http.auth import Caller
from service.http.limits import budgets
from service.http.limits.budgets import Budgets, TokenBucket
from service.log.rules import Issuer
from service.settings import Settings
from tests.conftest import Registry
from tests.factories import digests

AS_RAW = {"Content-Type": RAW}


@dataclass
class FakeClock:
    """A clock that a test moves."""

    now: float = 0.0

    def __call__(self) -> float:
        return self.now


def caller(key: str) -> Caller:
    return Caller(Issuer(1, "local"), frozenset({"read"}), key)


def test_a_bucket_saves_ten_seconds_and_refills_at_its_rate() -> None:
    clock = FakeClock()
    bucket = TokenBucket(60, clock)
    assert [bucket.take(1) for _ in range(10)] == [0.0] * 10
    assert bucket.take(1) == pytest.approx(1.0)
    clock.now += 2.5
    assert [bucket.take(1), bucket.take(1)] == [0.0, 0.0]
    assert bucket.take(1) == pytest.approx(0.5)
    clock.now += 3_600
    assert [bucket.take(1) for _ in range(10)] == [0.0] * 10
    assert bucket.take(1) > 0


def test_a_refused_cost_takes_nothing() -> None:
    bucket = TokenBucket(60, FakeClock())
    bucket.take(8)
    assert bucket.take(5) == pytest.approx(3.0)
    assert bucket.take(2) == 0.0


def test_a_cost_above_the_capacity_needs_a_full_bucket_and_is_paid_off_afterwards() -> None:
    clock = FakeClock()
    bucket = TokenBucket(60, clock)
    assert bucket.take(25) == 0.0
    assert bucket.take(1) == pytest.approx(16.0)
    clock.now += 24
    assert bucket.take(25) == pytest.approx(1.0)
    clock.now += 1
    assert bucket.take(25) == 0.0


def test_a_cost_in_steps_is_refused_no_longer_than_the_same_cost_at_once() -> None:
    clock = FakeClock()
    bucket = TokenBucket(60, clock)
    assert bucket.take(6) == 0.0
    assert bucket.take(9, taken=6) == 0.0
    assert bucket.take(1) == pytest.approx(6.0)


def test_what_is_owed_delays_later_requests() -> None:
    clock = FakeClock()
    bucket = TokenBucket(60, clock)
    bucket.owe(30)
    assert bucket.take(1) == pytest.approx(21.0)
    clock.now += 21
    assert bucket.take(1) == 0.0


def test_the_smallest_budget_still_lets_a_request_pass() -> None:
    clock = FakeClock()
    bucket = TokenBucket(1, clock)
    assert bucket.take(1) == 0.0
    clock.now += 60
    assert bucket.take(1) == 0.0


def test_each_key_has_a_budget_and_all_without_a_key_have_one() -> None:
    settings = Settings(key_budget=60, anonymous_budget=60)
    spent = Budgets(settings, clock=FakeClock())
    for holder in (caller("a"), None):
        spent.spend(holder, 10)
        with pytest.raises(TooManyRequests) as refused:
            spent.spend(holder, 3)
        assert refused.value.headers["Retry-After"] == "3"
    spent.spend(caller("b"), 10)


def test_workers_share_every_budget() -> None:
    spent = Budgets(Settings(key_budget=240, anonymous_budget=120), workers=2, clock=FakeClock())
    spent.spend(caller("a"), 20)
    spent.spend(None, 10)
    for holder in (caller("a"), None):
        with pytest.raises(TooManyRequests):
            spent.spend(holder, 1)


def test_the_key_that_was_not_used_for_the_longest_time_is_forgotten_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(budgets, "_KEYS_IN_MEMORY", 2)
    spent = Budgets(Settings(key_budget=60), clock=FakeClock())
    for key in ("a", "b"):
        spent.spend(caller(key), 6)
    spent.spend(caller("a"), 1)
    spent.spend(caller("c"), 1)
    with pytest.raises(TooManyRequests):
        spent.spend(caller("a"), 4)
    spent.spend(caller("b"), 10)


def test_the_message_says_whose_budget_is_spent_and_what_to_do() -> None:
    spent = Budgets(Settings(key_budget=6_000, anonymous_budget=60), clock=FakeClock())
    spent.spend(caller("a"), 501)
    spent.spend(None, 6)
    with pytest.raises(TooManyRequests, match=r"This API key has spent its budget of 6,000 .* again after 1 s"):
        spent.spend(caller("a"), 501)
    with pytest.raises(TooManyRequests, match=r"without an API key .* Use an API key, .* again after 2 s"):
        spent.spend(None, 6)


#: One unit per minute: also on a busy machine the second request comes before the budget refills.
@pytest.mark.parametrize("settings", [{"anonymous_budget": 1}], indirect=True)
def test_strangers_that_spend_their_pool_never_keep_a_key_waiting(
    registry: Registry, stranger: httpx2.Client, http: httpx2.Client
) -> None:
    answered, refused = (stranger.get("/v1/statistics") for _ in range(2))
    assert (answered.status_code, refused.status_code) == (200, 429)
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["type"] == "urn:firsthand:problem:too-many-requests"
    assert 1 <= int(refused.headers["retry-after"]) <= 300
    assert [http.get("/v1/statistics").status_code for _ in range(30)] == [200] * 30
    assert stranger.get("/healthz").status_code == 200


@pytest.mark.parametrize("settings", [{"key_budget": 1}], indirect=True)
def test_a_key_that_spends_its_budget_leaves_others_theirs(
    registry: Registry, http: httpx2.Client, stranger: httpx2.Client
) -> None:
    assert [http.get("/v1/statistics").status_code for _ in range(2)] == [200, 429]
    assert stranger.get("/v1/statistics").status_code == 200


@pytest.mark.parametrize("settings", [{"anonymous_budget": 1}], indirect=True)
def test_looked_up_items_are_paid_for_by_later_requests(registry: Registry, stranger: httpx2.Client) -> None:
    """A look-up of 1,000 items costs seven units, of which one was saved. The next request waits for them."""
    body = np.zeros((1_000, 32), np.uint8).tobytes()
    assert stranger.post("/v1/lookups", content=body, headers=AS_RAW).status_code == 200
    refused = stranger.get("/v1/statistics")
    assert refused.status_code == 429
    assert 300 < int(refused.headers["retry-after"]) <= 420


@pytest.mark.parametrize("settings", [{"anonymous_budget": 600, "max_json_bytes": 2**26}], indirect=True)
def test_a_body_of_unstated_length_costs_as_much_as_the_largest(registry: Registry, stranger: httpx2.Client) -> None:
    """That is more than ten seconds' worth: after another request it is refused, although its body is small."""
    body = digests([0]).tobytes()
    assert stranger.post("/v1/lookups", content=iter([body]), headers=AS_RAW).status_code == 200
    assert stranger.post("/v1/lookups", content=body, headers=AS_RAW).status_code == 429


#: For whom the operator of a registry decides at the proxy.
NOT_CHARGED = {"/healthz", "/readyz", "/metrics"}


@pytest.mark.slow
def test_every_call_is_charged(empty_database: Settings) -> None:
    """A call that is not would be a way around every budget."""
    settings = empty_database.model_copy(update={"anonymous_budget": 1})
    app = create_app(settings)
    paths = {**app.openapi()["paths"], "/openapi.json": ["GET"]}
    with TestClient(app, raise_server_exceptions=False) as client:
        assert client.get("/v1/statistics").status_code == 200
        calls = [(method, path) for path, methods in paths.items() if path not in NOT_CHARGED for method in methods]
        answers = {call: client.request(*call).status_code for call in calls}
    assert len(answers) > 25
    assert {call: status for call, status in answers.items() if status != 429} == {}
