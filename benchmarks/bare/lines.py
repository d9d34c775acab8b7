"""Read and hash lines of JSON, without any other work."""

import json
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter

import numpy as np

from firsthand.core.digests import Profile, digest_text

_SYLLABLES = ["ba", "der", "ing", "lo", "men", "né", "or", "pre", "sti", "ta", "um", "ver", "xi", "ß", "qua", "y"]


def write(path: Path, count: int, generator: np.random.Generator) -> None:
    """Write `count` lines `{"text": …}` of about 330 bytes: a number and six sentences, some with accents."""
    sentences = [_sentence(generator) for _ in range(1000)]
    with path.open("w", encoding="utf-8") as file:
        for number, row in enumerate(generator.integers(0, len(sentences), (count, 6)).tolist()):
            text = f"{number} " + " ".join([sentences[index] for index in row])
            file.write(json.dumps({"text": text}, ensure_ascii=False) + "\n")


def _sentence(generator: np.random.Generator) -> str:
    lengths = generator.integers(1, 5, 9)
    words = ["".join(_SYLLABLES[index] for index in generator.integers(0, len(_SYLLABLES), size)) for size in lengths]
    return " ".join(words).capitalize() + "."


def read_and_hash(path: Path, profiles: Sequence[Profile] = ("text-1",)) -> tuple[list[bytes], float]:
    """Return (the digests of the `text` of each line under each profile, line by line; the seconds that this took)."""
    started = perf_counter()
    digests = []
    with path.open("rb") as file:
        for line in file:
            text = json.loads(line)["text"]
            digests.extend([digest_text(text, profile) for profile in profiles])
    return digests, perf_counter() - started
