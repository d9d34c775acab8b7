"""Every reader of Firsthand, as a function from a file to an answer: verdicts of its rows in order, or a refusal."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pyarrow as pa
from datatrove.data import Document

from firsthand import Client, Snapshot, annotate
from firsthand.checking import check as checking
from firsthand.checking import filter as filtering
from firsthand.checking.lookup_source import SnapshotSource
from firsthand.core.digests import Profile
from firsthand.core.verdicts import NO_GENERATION, VERDICTS, Verdict
from firsthand.errors import ContentError
from firsthand.files import discover
from firsthand.files.discover import FileItems
from firsthand.files.inputs import Item
from firsthand.files.register_batches import split
from firsthand.http import request_bodies
from firsthand.http.lookup_result import Lookup
from firsthand.integrations.datatrove import OriginFilter
from tests.factories import NOBODY

LETTERS = {"unknown": "u", "human": "h", "model": "m", "contested": "c"}


@dataclass(frozen=True)
class Answer:
    """What a reader answers on a file: one letter per row, or the words of its refusal."""

    verdicts: str | None
    refusal: str = ""


def letters(verdicts: Any) -> str:
    return "".join(LETTERS[verdict] for verdict in verdicts)


def of_lookup(answer: Lookup) -> str:
    return letters(VERDICTS[code] for code in answer.verdict)


def answered(read: Callable[[], str]) -> Answer:
    try:
        return Answer(read())
    except ContentError as error:
        return Answer(None, str(error))


@dataclass(frozen=True)
class Readers:
    """All readers, with a snapshot as the source of verdicts."""

    folder: Path
    snapshot: Snapshot

    @property
    def source(self) -> SnapshotSource:
        return SnapshotSource(self.snapshot)

    def check(self, file: Path) -> Answer:
        """Read as `firsthand check` does."""

        def read() -> str:
            return "".join(
                of_lookup(part.answer) for part in checking.check(discover.find([file]), "text", self.source)
            )

        return answered(read)

    def filter(self, file: Path, verdict: Verdict) -> tuple[Answer, Path]:
        """Read as `firsthand filter` does: one letter per kept row, and the file that was written."""
        out = self.folder / f"out-{verdict}"

        def read() -> str:
            files = discover.find([file])
            (part,) = filtering.by_verdict(files, "text", out, self.source, [verdict])
            return LETTERS[verdict] * part.kept

        return answered(read), out / file.name

    def register(self, file: Path, profile: Profile) -> Answer:
        """Read as `firsthand register` does, and look up the digests that it would send."""

        def read() -> str:
            parts = []
            for batch in split(discover.find([file])):
                bodies = request_bodies.bulk_bodies(batch.items("text", profile), profile, 1_000, "bytes", None)
                parts += [of_lookup(self.snapshot.answer(body.digests)) for body in bodies]
            return "".join(parts)

        return answered(read)

    def annotate(self, file: Path) -> Answer:
        """Annotate the batches that the reader of the format yields."""

        def read() -> str:
            batches = (pa.RecordBatch.from_pydict({"text": column}) for column in columns(file))
            return "".join(letters(annotate(batch, self.snapshot)["verdict"].to_pylist()) for batch in batches)

        return answered(read)

    def client(self, file: Path) -> Answer:
        """Check the items with a client, whose registry answers from the snapshot."""

        def read() -> str:
            with Client(NOBODY, transport=httpx2.MockTransport(self._answer)) as client:
                return "".join(of_lookup(client.check(items)) for items in item_lists(file) if len(items))

        return answered(read)

    def _answer(self, request: httpx2.Request) -> httpx2.Response:
        """Answer a look-up as a registry does."""
        digests = np.frombuffer(request.read(), dtype=np.uint8).reshape(-1, 32)
        answer = self.snapshot.answer(digests)
        columns = {
            "position": answer.position,
            "policy": answer.policy,
            "verdicts": [VERDICTS[code] for code in answer.verdict],
            "generations": [None if g == NO_GENERATION else g for g in answer.generation.tolist()],
            "lower_bounds": answer.lower_bound.tolist(),
            "models": answer.models,
            "contested": answer.contested.tolist(),
        }
        return httpx2.Response(200, json=json.loads(json.dumps(columns)))

    def datatrove(self, file: Path) -> Answer:
        """Filter documents of datatrove with the texts of the rows."""

        def read() -> str:
            gate, verdicts = OriginFilter(self.source, keep=["human"]), []
            for items in item_lists(file):
                documents = [Document(text=as_text(item), id="") for item in items]
                gate.filter_batch(documents)
                verdicts += [document.metadata["verdict"] for document in documents]
            return letters(verdicts)

        return answered(read)


def as_text(item: Item) -> str:
    content = item.read_bytes() if isinstance(item, Path) else item
    return content.decode("utf-8", "surrogatepass") if isinstance(content, bytes) else str(content)


def columns(file: Path) -> Iterator[Any]:
    """Yield the items of a file as columns of Arrow."""
    for source in discover.find([file]):
        if source.row_format is None:
            item = source.item()
            yield pa.array([item.read_bytes() if isinstance(item, Path) else item], pa.binary())
        else:
            yield from (rows.items for rows in source.row_format.read(source.path, "text"))


def item_lists(file: Path) -> Iterator[list[Item]]:
    """Yield the items of a file as Python's values, without nulls."""
    for source in discover.find([file]):
        if source.row_format is None:
            yield list(FileItems([source]))
        else:
            for rows in source.row_format.read(source.path, "text"):
                yield [item for item in rows.items.to_pylist() if item is not None]
