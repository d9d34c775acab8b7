"""A filter for pipelines of datatrove, which keeps documents by their verdict."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import pyarrow as pa

try:
    from datatrove.pipeline.filters.base_filter import BaseFilter
except ModuleNotFoundError as error:
    raise ImportError(
        f"firsthand.integrations.datatrove needs datatrove, and {error.name} is missing. Install it with:"
        " pip install datatrove orjson regex"
    ) from None

from firsthand.checking.annotate import ADDED, AnnotateSource, annotate
from firsthand.checking.lookup_source import SnapshotSource, refuse_human
from firsthand.core.verdicts import VERDICTS, Verdict
from firsthand.files.formats.base import text_column
from firsthand.snapshots import manifest
from firsthand.snapshots.snapshot import Snapshot

_HUMAN: tuple[Verdict, ...] = ("human",)


class OriginFilter(BaseFilter):  # type: ignore[misc]
    """A filter that keeps documents with one of the verdicts in `keep`.

    The drop reason of the others is their verdict.

    `source` is the folder of a downloaded snapshot, which each worker opens, or any source that `annotate` accepts.
    `as_of` is the position in the log, as for `annotate`. `verdict`, `generation` and `lower_bound` are added to the
    metadata of each document. Raises ValueError if `keep` contains a word that is not a verdict. Raises ValueError if
    `keep` contains human and the source is a snapshot that never answers human.
    """

    name = "Firsthand: origin"

    def __init__(
        self,
        source: AnnotateSource | Path | str,
        keep: Collection[Verdict] = _HUMAN,
        *,
        as_of: int | None = None,
        exclusion_writer: Any = None,
        batch_size: int = 1_000,
    ) -> None:
        super().__init__(exclusion_writer, max(batch_size, 2))  # with 1, datatrove calls `filter` per document
        if not_verdicts := set(keep) - set(VERDICTS):
            raise ValueError(f"keep has {', '.join(sorted(not_verdicts))}; use only {', '.join(VERDICTS)}")
        self._source, self._keep, self._as_of = source, frozenset(keep), as_of
        self._refuse_human()

    def filter(self, doc: Any) -> bool | tuple[bool, str]:
        return self.filter_batch([doc])[0]

    def filter_batch(self, batch: list[Any]) -> list[bool | tuple[bool, str]]:
        if isinstance(self._source, Path | str):
            self._source = Snapshot.open(self._source)
            self._refuse_human()  # not in __init__: the folder may exist only on the machine of the worker
        texts = pa.RecordBatch.from_pydict({"text": text_column([doc.text for doc in batch])})
        verdicts = annotate(texts, self._source, as_of=self._as_of).select(ADDED).to_pylist()
        for doc, verdict in zip(batch, verdicts, strict=True):
            doc.metadata |= verdict
        return [verdict["verdict"] in self._keep or (False, verdict["verdict"]) for verdict in verdicts]

    def _refuse_human(self) -> None:
        """Raise ValueError if `keep` contains human, but the source never answers human."""
        source = self._source
        if isinstance(source, Path | str):
            if (Path(source) / manifest.FILE).exists():
                refuse_human(self._keep, manifest.load(Path(source)).bits)
        elif isinstance(source, Snapshot):
            refuse_human(self._keep, source.manifest.bits)
        elif isinstance(source, SnapshotSource) and source.registry is None:
            refuse_human(self._keep, source.snapshot.manifest.bits)
