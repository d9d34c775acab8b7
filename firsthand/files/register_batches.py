"""What one register sends together: a table's rows, or files that are an item each.

A table is a run of its own, so that a file beside it, added or gone, changes nothing of what is said of it: the same
rows are cut into the same registrations, which are known when they come again.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

from firsthand.errors import ContentError
from firsthand.files import discover
from firsthand.files.discover import Source
from firsthand.files.inputs import Digest, Item

#: Files of one registration where each is an item; rows of one are as many.
MOST = 50_000

#: Archives that keep no times give all their files one of the first days of 1970 or 1980.
_NO_TIME_BEFORE = datetime(1981, 1, 1, tzinfo=UTC)

_SAMPLE = 2**20


@dataclass(frozen=True)
class Run:
    """One table, or up to `MOST` files that are an item each."""

    files: Sequence[Source]

    def items(self, field: str) -> Iterator[Item]:
        """All items, in order. Raises ContentError for a row without a text in `field`."""
        return chain.from_iterable(batch.items for batch in discover.batches(self.files, field))

    def digests(self, field: str) -> Iterator[Item]:
        """Rows that hold digests. Raises ContentError naming the row that holds none."""
        for batch in discover.batches(self.files, field):
            yield from map(_digest, batch.names, batch.items)

    def last_changed(self) -> datetime | None:
        """When the newest of the files was last changed, to the second; None where an archive forgot it, or one is
        far away (a store's times are those of copying).
        """
        paths = [file.path for file in self.files if isinstance(file.path, Path)]
        if len(paths) < len(self.files):
            return None
        newest = datetime.fromtimestamp(max(int(path.stat().st_mtime) for path in paths), UTC)
        return newest if newest >= _NO_TIME_BEFORE else None


def of(found: Iterable[Source]) -> Iterator[Run]:
    """The sources in their order, as runs."""
    return map(Run, discover.groups(found, MOST))


def expected(found: Iterable[Source]) -> int | None:
    """How many items there will be, without reading them; None where that cannot be known.

    Exact for Parquet, which says so, and for files that are an item each; of lines an estimate from the length of the
    first ones.
    """
    counts = [_count(source) for source in found]
    return None if None in counts else sum(count for count in counts if count is not None)


def _count(source: Source) -> int | None:
    if source.table is None:
        return 1
    if not isinstance(source.path, Path):
        return None  # far away: asking takes as long as beginning
    match source.path.suffix.lower():
        case ".parquet" | ".pq":
            return _count_rows(source.path)
        case ".jsonl" | ".ndjson" | ".csv" | ".tsv":
            return _count_lines(source.path)
    return None  # packed: its size says nothing of its lines


def _count_rows(path: Path) -> int | None:
    from pyarrow import ArrowException, parquet  # importing it takes as long as all else

    try:
        return int(parquet.read_metadata(path).num_rows)
    except (ArrowException, OSError):
        return None  # reading it will say what is wrong


def _count_lines(path: Path) -> int:
    with path.open("rb") as file:
        sample = file.read(_SAMPLE)
    return round(path.stat().st_size * max(sample.count(b"\n"), 1) / len(sample)) if sample else 0


def _digest(name: str, item: Item) -> Digest:
    try:
        return Digest.parse(item) if isinstance(item, str) else Digest(bytes(item))  # type: ignore[arg-type]
    except ValueError as error:
        raise ContentError(f"{name}: {error}") from None
