"""What the tests of the wire share: plain HTTP, and the service as a process of its own."""

from collections.abc import Iterator

import httpx2
import pytest

from tests.conftest import Registry


@pytest.fixture
def http(registry: Registry) -> Iterator[httpx2.Client]:
    """Plain HTTP with the administrator's key: for what the typed client would not send."""
    with httpx2.Client(base_url=registry.url, headers={"Authorization": f"Bearer {registry.api_key}"}) as client:
        yield client


@pytest.fixture
def stranger(registry: Registry) -> Iterator[httpx2.Client]:
    """Plain HTTP without a key."""
    with httpx2.Client(base_url=registry.url) as client:
        yield client
