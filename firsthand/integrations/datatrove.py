"""A filter for datatrove's pipelines: documents by where they come from."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import pyarrow as pa
from datatrove.pipeline.filters.base_filter import BaseFilter

from firsthand.checking.annotate import ADDED, Asked, annotate
from firsthand.core.verdicts import VERDICTS, Verdict
from firsthand.snapshots.snapshot import Snapshot

_HUMAN: tuple[Verdict, ...] = ("human",)


class OriginFilter(BaseFilter):  # type: ignore[misc]
    """Keeps documents with one of these verdicts, and drops the others for the reason that their verdict is.

    `source` is a pulled snapshot's folder, which each worker opens for itself, or anything that `annotate` asks. What
    it says (`verdict`, `generation`, `lower_bound`) is added to each document's metadata. Raises ValueError for a
    verdict that there is not.
    """

    name = "Firsthand: origin"

    def __init__(
        self,
        source: Asked | Path | str,
        keep: Collection[Verdict] = _HUMAN,
        *,
        as_of: int | None = None,
        exclusion_writer: Any = None,
        batch_size: int = 1_000,
    ) -> None:
        super().__init__(exclusion_writer, max(batch_size, 2))  # datatrove asks for one by one where it is 1
        if unheard := set(keep) - set(VERDICTS):
            raise ValueError(f"{', '.join(sorted(unheard))}: a verdict is one of {', '.join(VERDICTS)}")
        self._source, self._keep, self._as_of = source, frozenset(keep), as_of

    def filter(self, doc: Any) -> bool | tuple[bool, str]:
        return self.filter_batch([doc])[0]

    def filter_batch(self, batch: list[Any]) -> list[bool | tuple[bool, str]]:
        if isinstance(self._source, Path | str):
            self._source = Snapshot.open(self._source)
        texts = pa.RecordBatch.from_pydict({"text": pa.array([doc.text for doc in batch], pa.large_string())})
        told = annotate(texts, self._source, as_of=self._as_of).select(ADDED).to_pylist()
        for doc, said in zip(batch, told, strict=True):
            doc.metadata |= said
        return [said["verdict"] in self._keep or (False, said["verdict"]) for said in told]
