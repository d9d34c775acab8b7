"""Clocks that differ: the times of the log never go back, and what is wrong with a clock is said."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import httpx2
import pytest

from firsthand import errors
from firsthand.schemas.registrations import NewStatement
from service import readiness
from service.log import store as log
from service.readiness import HostClock
from service.storage import engine
from tests.conftest import Registry, on_both
from tests.factories import digest

HOUR = 3600


@pytest.fixture
def set_clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Set the clock of the service so many seconds forward, or back."""

    def set_to(seconds: int) -> None:
        monkeypatch.setattr(log, "now", lambda: engine.now() + seconds)
        monkeypatch.setattr(readiness, "now", lambda: engine.now() + seconds)

    return set_to


@on_both
def test_the_times_of_the_log_never_go_back(registry: Registry, set_clock: Callable[[int], None]) -> None:
    client = registry.client()
    client.put_dataset("local/texts")
    set_clock(-HOUR)
    client.put_model("local/writer@1", generation=1)
    (registered,) = client.register("local/texts", [b"text"], origin="human")
    set_clock(HOUR)
    client.withdraw(registered.id)
    set_clock(0)
    other = registry.join("acme")
    other.put_dataset("acme/texts")
    revoked = client.revoke_key(other.whoami().id)
    times = [statement.recorded_at for statement in client.statements()]
    assert times == sorted(times)
    assert times[-1] - times[0] >= timedelta(seconds=HOUR - 60)
    assert client.registration(registered.id).registered_at == times[registered.id - 1]
    (key,) = (key for key in list(client.keys()) if key.organization == "acme")
    assert key.revoked_at == times[revoked.position - 1]


def test_a_clock_behind_the_newest_statement_is_named_and_the_registry_still_ready(
    registry: Registry, stranger: httpx2.Client, set_clock: Callable[[int], None]
) -> None:
    set_clock(HOUR)
    registry.client().put_dataset("local/texts")
    set_clock(0)
    answer = stranger.get("/readyz")
    assert answer.status_code == 200
    (warning,) = answer.json()["warnings"]
    assert "behind the newest statement, which was recorded at 20" in warning
    assert registry.client().ready()
    set_clock(2 * HOUR)
    assert stranger.get("/readyz").json() == {"status": "ready"}


@pytest.mark.parametrize(("seconds", "words"), [(HOUR, "set forward by 3,600 s"), (-HOUR, "set back by 3,600 s")])
def test_a_clock_that_was_set_is_named(monkeypatch: pytest.MonkeyPatch, seconds: int, words: str) -> None:
    clock, real = HostClock(), time.time
    assert clock.warnings(0) == []
    monkeypatch.setattr(time, "time", lambda: real() + seconds)
    (warning,) = clock.warnings(0)
    assert words in warning


def test_a_time_of_collection_in_the_future_is_refused_but_for_clocks_that_differ_a_little(registry: Registry) -> None:
    client, now = registry.client(), datetime.now(UTC)
    client.put_dataset("local/texts")
    (taken,) = client.register("local/texts", [b"1"], origin="human", collected_at=now + timedelta(minutes=4))
    with pytest.raises(errors.Refused, match=r"collected_at: .* is in the future: the registry's clock is at 20"):
        client.register("local/texts", [b"2"], origin="human", collected_at=now + timedelta(minutes=10))
    late, on_time = client.register_batch(
        [
            NewStatement(
                dataset="local/texts", origin="human", digests=[digest(number).hex()], collected_at=now + later
            )
            for number, later in enumerate((timedelta(days=365), timedelta(0)))
        ]
    )
    assert late.refused is not None
    assert [error.where for error in late.refused.errors] == ["collected_at"]
    assert on_time.id == taken.id + 1
