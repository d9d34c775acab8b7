"""Helpers for many tests: reproducible items that are computed from numbers, snapshots, full disks."""

import json
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import numpy as np

from firsthand import Client
from firsthand.core.digests import Digests, digest_text, stack
from firsthand.core.verdicts import CONTESTED, IS_HUMAN, IS_MODEL, Origin, Verdicts
from firsthand.files.inputs import Digested
from firsthand.schemas.models import Model
from firsthand.schemas.registrations import Registered
from firsthand.schemas.snapshots import Bits
from firsthand.snapshots import SnapshotWriter, Subject

#: An address at which no registry answers: the port is that of the protocol Discard.
NOBODY = "http://127.0.0.1:9"

#: Texts of which `write_snapshot` knows the first three: as a model's, as human, as contested.
TEXTS = ["a model's", "a  person's", "both say", "nobody's"]

WORD = 2**64 - 1


def digest(number: int, name: str = "item") -> bytes:
    return sha256(f"{name} {number}".encode()).digest()


def digests(numbers: Iterable[int], name: str = "item") -> Digests:
    """Return the digests of the numbers, `uint8[n, 32]`. Equal numbers give equal digests."""
    return stack([digest(number, name) for number in numbers])


def crafted(n: int, seed: int = 0) -> Digests:
    """Return n digests that a hash function does not produce: most bits are zero, and many first words are equal."""
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
    """Make one registration. Create the dataset if it does not exist."""
    client.put_dataset(dataset)
    (registered,) = client.register(
        dataset,
        Digested(items),
        origin=origin,
        model=model,
        sizes=None if sizes is None else np.array(list(sizes)),
        confidences=None if confidences is None else np.array(list(confidences)),
    )
    return registered


def model(client: Client, name: str, generation: int | None = 1) -> Model:
    """Register a model with a declared generation, without registered training data."""
    return client.put_model(name, generation=generation)


def random_digests(n: int, seed: int = 0) -> Digests:
    """Return random bytes `uint8[n, 32]`, which depend only on n and the seed. This is faster than hashing."""
    return np.random.default_rng(seed).integers(0, 256, (n, 32), dtype=np.uint8)


def answer(number: int) -> str:
    """Return a text of about 250 bytes, as a model could generate it."""
    return f"Answer {number}: " + "patterns woven by an engine, " * 8


def write_lines(file: Path, texts: list[str], field: str = "text") -> Path:
    """Write a JSONL file with an id and a text per line, and return its path."""
    file.write_text("".join(json.dumps({"id": n, field: text}) + "\n" for n, text in enumerate(texts)))
    return file


def write_snapshot(folder: Path, bits: Bits = 28) -> Path:
    """Write a snapshot of the first three TEXTS at position 7: model of generation 2 or more, human, contested."""
    folder.mkdir()
    with SnapshotWriter(folder, Subject(7, None, bits=bits)) as writer:
        known = stack([digest_text(text) for text in TEXTS[:3]])
        codes = np.array([IS_MODEL, IS_HUMAN, CONTESTED], dtype=np.uint8)
        writer.add(known, Verdicts(codes, np.array([2, 0, -1], dtype=np.int16), np.array([True, False, False])))
        writer.finish()
    return folder


def finalizer(x: int) -> int:
    """Return the result of the finalizer of splitmix64, computed with Python integers."""
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & WORD
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & WORD
    return x ^ (x >> 31)


@contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[bool]:
    """Create `folder`, for root as a file system of this size in KiB. Yield whether it is a file system."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)]
    mounted = (
        shutil.which("mount") is not None and subprocess.run(mount, capture_output=True, check=False).returncode == 0
    )
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
