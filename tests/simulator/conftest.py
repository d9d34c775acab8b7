"""What several tests of the simulator need."""

from collections.abc import Iterator
from typing import Any

import pytest

from firsthand.client import Client


@pytest.fixture
def client(registry: Any) -> Iterator[Client]:
    with Client(registry.url, registry.api_key) as opened:
        yield opened
