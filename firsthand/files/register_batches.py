"""Divide the files of `firsthand register` into batches: the rows of one file, or files that are one item each.

Each file with rows is registered separately. So if other files are added or removed, the rows of this file still give
the same registrations, and the registry recognizes registrations that are sent again.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from firsthand.core.digests import Profile
from firsthand.errors import ContentError
from firsthand.files import compression, discover
from firsthand.files.discover import InputFile
from firsthand.files.inputs import REGISTER_BATCH, Digest, Item

#: Archives without times give their files a date in the first days of 1970 or 1980. Earlier times are ignored.
_NO_TIME_BEFORE = int(datetime(1981, 1, 1, tzinfo=UTC).timestamp())
#: The last second that `datetime` of Python can represent. File systems can store later times.
_LAST_TIME = int(datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC).timestamp())


@dataclass(frozen=True)
class RegisterBatch:
    """One file with rows, or up to `REGISTER_BATCH` files that are one item each."""

    files: Sequence[InputFile]

    def items(self, field: str, profile: Profile) -> Iterator[Item]:
        """Yield all items in order.

        Raises ContentError if `field` of a row is missing, null or not valid for `profile`.
        """
        for batch in discover.batches(self.files, field):
            for name, item in zip(batch.names, batch.items, strict=True):
                if profile == "text-1" and isinstance(item, bytes):
                    _check_is_text(name, item)
                yield item

    def digests(self, field: str) -> Iterator[Item]:
        """Yield the digests in `field` of all rows. Raises ContentError if a row has no valid digest."""
        for batch in discover.batches(self.files, field):
            yield from map(_digest, batch.names, batch.items)

    def last_changed(self) -> datetime | None:
        """Return when the newest file was last changed, in UTC and whole seconds. Return None if this is not known.

        It is not known if an archive has lost the time, if the time is after the year 9999, if a file is a pipe, or if
        a file is remote (the time of a remote file is the time of its upload).
        """
        paths = [file.path for file in self.files if isinstance(file.path, Path) and file.content is None]
        if len(paths) < len(self.files):
            return None
        newest = max(int(path.stat().st_mtime) for path in paths)
        return datetime.fromtimestamp(newest, UTC) if _NO_TIME_BEFORE <= newest <= _LAST_TIME else None


def split(files: Iterable[InputFile]) -> Iterator[RegisterBatch]:
    """Divide files into batches, in order."""
    return map(RegisterBatch, discover.groups(files, REGISTER_BATCH))


def estimate_items(files: Iterable[InputFile]) -> int | None:
    """Estimate the number of items in the files, without reading them completely. Return None if this is not possible.

    The number is exact for Parquet, and for files that are one item each.
    """
    counts = [_estimate(file) for file in files]
    return None if None in counts else sum(count for count in counts if count is not None)


def _estimate(file: InputFile) -> int | None:
    if file.row_format is None:
        return 1
    if not isinstance(file.path, Path) or compression.codec(file.path.name) is not None:
        return None  # a remote file is slow to open, and a compressed size does not show the number of lines
    return file.row_format.estimate_rows(file.path)


def _check_is_text(name: str, item: bytes) -> None:
    try:
        item.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError as error:
        raise ContentError(
            f"{name}: byte {error.start} is not UTF-8, but the dataset has the profile text-1, which hashes texts."
            " Use a dataset with the profile bytes-1"
        ) from None


def _digest(name: str, item: Item) -> Digest:
    try:
        return Digest.parse(item) if isinstance(item, str) else Digest(bytes(item))  # type: ignore[arg-type]
    except ValueError as error:
        raise ContentError(f"{name}: {error}") from None
