"""What the tests of the wire share: plain HTTP, and the service as a process of its own."""

from collections.abc import Iterator

import httpx2
import pytest

from benchmarks.harness.waiting import PATIENCE_SECONDS
from service.mixes import scan
from tests.conftest import Registry


@pytest.fixture
def http(registry: Registry) -> Iterator[httpx2.Client]:
    """Plain HTTP with the administrator's key: for what the typed client would not send."""
    key = {"Authorization": f"Bearer {registry.api_key}"}
    with httpx2.Client(base_url=registry.url, headers=key, timeout=PATIENCE_SECONDS) as client:
        yield client


@pytest.fixture
def stranger(registry: Registry) -> Iterator[httpx2.Client]:
    """Plain HTTP without a key."""
    with httpx2.Client(base_url=registry.url, timeout=PATIENCE_SECONDS) as client:
        yield client


@pytest.fixture(params=[False, True], ids=["all overlaps", "own overlaps"])
def each_way_to_overlaps(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Mixes find overlapping items as in a registry of few of them, and as in one of more than a part may take."""
    monkeypatch.setattr(scan, "more_than", lambda database, items: request.param)
