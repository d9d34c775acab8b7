"""Divide the files of `firsthand register` into batches: the rows of one file, or files that are one item each.

Each file with rows is registered separately. So if other files are added or removed, its rows still give the same
registrations, and the registry recognizes them when they are sent again.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

from firsthand.errors import ContentError
from firsthand.files import compression, discover
from firsthand.files.discover import InputFile
from firsthand.files.inputs import REGISTER_BATCH, Digest, Item

#: Files from archives without times have a date in the first days of 1970 or 1980.
_NO_TIME_BEFORE = datetime(1981, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class RegisterBatch:
    """One file with rows, or up to `REGISTER_BATCH` files that are one item each."""

    files: Sequence[InputFile]

    def items(self, field: str) -> Iterator[Item]:
        """Yield all items in order. Raises ContentError if a row has no item in `field`."""
        return chain.from_iterable(batch.items for batch in discover.batches(self.files, field))

    def digests(self, field: str) -> Iterator[Item]:
        """Yield the digests in the field `field` of the rows. Raises ContentError if a row has no digest."""
        for batch in discover.batches(self.files, field):
            yield from map(_digest, batch.names, batch.items)

    def last_changed(self) -> datetime | None:
        """Return when the newest of the files was last changed, in UTC and whole seconds.

        Return None if the time was lost in an archive, or if a file is remote: its time is the time of the upload.
        """
        paths = [file.path for file in self.files if isinstance(file.path, Path)]
        if len(paths) < len(self.files):
            return None
        newest = datetime.fromtimestamp(max(int(path.stat().st_mtime) for path in paths), UTC)
        return newest if newest >= _NO_TIME_BEFORE else None


def split(files: Iterable[InputFile]) -> Iterator[RegisterBatch]:
    """Divide files into batches, in order."""
    return map(RegisterBatch, discover.groups(files, REGISTER_BATCH))


def estimate_items(files: Iterable[InputFile]) -> int | None:
    """Estimate the number of items in the files without reading them completely; None if this is not possible.

    The number is exact for Parquet, and for files that are one item each.
    """
    counts = [_estimate(file) for file in files]
    return None if None in counts else sum(count for count in counts if count is not None)


def _estimate(file: InputFile) -> int | None:
    if file.row_format is None:
        return 1
    if not isinstance(file.path, Path) or compression.codec(file.path.name) is not None:
        return None  # opening a remote file is slow, and the number of lines does not follow from a compressed size
    return file.row_format.estimate_rows(file.path)


def _digest(name: str, item: Item) -> Digest:
    try:
        return Digest.parse(item) if isinstance(item, str) else Digest(bytes(item))  # type: ignore[arg-type]
    except ValueError as error:
        raise ContentError(f"{name}: {error}") from None
