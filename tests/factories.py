"""Things that tests need many of, made from a number so that they can be made again."""

from collections.abc import Iterable
from hashlib import sha256

import numpy as np

from firsthand import Client
from firsthand.core.digests import Digests, stack
from firsthand.core.verdicts import Origin
from firsthand.files.inputs import Digested
from firsthand.schemas.models import Model
from firsthand.schemas.registrations import Registered


def digest(number: int, name: str = "item") -> bytes:
    return sha256(f"{name} {number}".encode()).digest()


def digests(numbers: Iterable[int], name: str = "item") -> Digests:
    """`uint8[n, 32]`, the same for the same numbers."""
    return stack([digest(number, name) for number in numbers])


def crafted(n: int, seed: int = 0) -> Digests:
    """Digests that nobody's hash would give: most bits zero, many first words alike."""
    random = np.random.default_rng(seed)
    made = np.zeros((n, 32), dtype=np.uint8)
    made[:, 6:9] = random.integers(0, 4, (n, 3))
    made[:, 28:32] = np.arange(n, dtype=">u4").view(np.uint8).reshape(-1, 4)
    return made


def register(
    client: Client,
    items: Digests,
    origin: Origin,
    *,
    dataset: str = "local/texts",
    model: str | None = None,
    sizes: Iterable[int] | None = None,
    confidences: Iterable[int] | None = None,
) -> Registered:
    """One registration in a dataset that is made where it is missing."""
    client.put_dataset(dataset)
    columns = {
        "sizes": None if sizes is None else np.array(list(sizes)),
        "confidences": None if confidences is None else np.array(list(confidences)),
    }
    (registered,) = client.register(dataset, Digested(items), origin=origin, model=model, **columns)
    return registered


def model(client: Client, name: str, generation: int | None = 1) -> Model:
    """A model whose training data nobody registered, of a declared generation."""
    return client.put_model(name, generation=generation)
