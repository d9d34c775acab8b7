"""The user's own files → items, each with a name to call it by."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, overload

from firsthand.errors import ContentError
from firsthand.files import locations
from firsthand.files.inputs import Item
from firsthand.files.locations import Place, Remote

if TYPE_CHECKING:
    from firsthand.files.formats import Table

#: Files read at once where each is an item.
BATCH = 1_000

#: Texts, which are the same item packed and unpacked. Of any other packed file (`.tar.gz`) the item is as it stands.
_TEXTS = (".txt", ".text", ".md", ".html", ".htm")
_TABLES = (".jsonl", ".ndjson", ".csv", ".tsv", ".parquet", ".pq", ".warc")


@dataclass(frozen=True)
class Source:
    """A file: one item, or a table whose rows are items."""

    path: Place
    #: Its place under the path that the user named; under an output folder, the same.
    relative: Path
    table: "Table | None"
    #: Whether its item is what is left when it is unpacked.
    packed: bool = False

    def item(self) -> Item:
        """A file that is an item, as one: its path where it can be read as it stands, else its content."""
        if self.packed:
            from firsthand.files import compression  # pyarrow only for who has packed files

            with compression.reading(self.path) as file:
                return file.read()
        return self.path.read_bytes() if isinstance(self.path, Remote) else self.path


@dataclass(frozen=True)
class Batch:
    """Some items, in order."""

    names: list[str]
    items: Sequence[Item]


class Files(Sequence[Item]):
    """Files as items. What must be unpacked or fetched for that is read when its turn comes, and not kept."""

    def __init__(self, files: Sequence[Source]) -> None:
        self._files = files

    def __len__(self) -> int:
        return len(self._files)

    @overload
    def __getitem__(self, place: int) -> Item: ...
    @overload
    def __getitem__(self, place: slice) -> "Files": ...
    def __getitem__(self, place: int | slice) -> "Item | Files":
        found = self._files[place]
        return found.item() if isinstance(found, Source) else Files(found)


def find(paths: Iterable[Place | str], *, whole: bool = False) -> list[Source]:
    """The files at these paths and URLs, folders walked in the order of their names, and links to folders with them;
    what is hidden in a folder is passed over.

    JSON lines, CSV, Parquet and WARC are tables, and packed texts unpacked, unless `whole`. Raises ContentError for a
    path that is not there, or where there is no file at all.
    """
    named = [locations.parse(path) if isinstance(path, str) else path for path in paths]
    sources = [source for path in named for source in _under(path, whole)]
    if not sources:
        raise ContentError(f"no files in {', '.join(map(str, named))}")
    return sources


def batches(sources: Iterable[Source], field: str) -> Iterator[Batch]:
    """All items of the sources, in order. Raises ContentError for a row without an item in `field`."""
    for files in groups(sources):
        if files[0].table is None:
            yield Batch([str(file.path) for file in files], Files(files))
        else:
            yield from _of_rows(files[0], files[0].table, field)


def groups(sources: Iterable[Source], most: int | None = None) -> Iterator[list[Source]]:
    """The sources in order: each table by itself, up to `most` files (else `BATCH`) that are items together."""
    most = most or BATCH
    files: list[Source] = []
    for source in sources:
        if files and (source.table is not None or len(files) == most):
            yield files
            files = []
        if source.table is not None:
            yield [source]
        else:
            files.append(source)
    if files:
        yield files


def row_name(source: Source, number: int) -> str:
    """What a row of a table is called."""
    return f"{source.path}:{number}"


def table_of(path: Place) -> "Table | None":
    """The format of a table by the end of its name, or None."""
    suffixes = [suffix.lower() for suffix in path.suffixes[-2:]]
    if not any(suffix in _TABLES for suffix in suffixes):
        return None
    from firsthand.files import formats  # pyarrow, which takes long to import, only for who has tables

    return formats.of(suffixes)


def is_packed_text(path: Place) -> bool:
    """Whether a file is a text that was packed, by its name."""
    *_, before, last = ["", "", *[suffix.lower() for suffix in path.suffixes]]
    return last in (".gz", ".zst") and before in _TEXTS


def _of_rows(source: Source, table: "Table", field: str) -> Iterator[Batch]:
    for rows in table.read(source.path, field):
        items: list[Any] = rows.items.to_pylist()
        if rows.items.null_count:
            raise ContentError(f"{source.path}, row {rows.numbers[items.index(None)]}: the field {field!r} is null")
        yield Batch([row_name(source, number) for number in rows.numbers], items)


def _under(path: Place, whole: bool) -> Iterator[Source]:
    if not path.exists():
        raise ContentError(f"{path} is not there")
    for file, relative in _files(path):
        yield Source(file, relative, None if whole else table_of(file), not whole and is_packed_text(file))


def _files(path: Place) -> Iterator[tuple[Place, Path]]:
    if not path.is_dir():
        yield path, Path(path.name)
    elif isinstance(path, Remote):
        yield from path.files()
    else:
        yield from ((file, file.relative_to(path)) for file in _walk(path, frozenset()))


def _walk(folder: Path, above: frozenset[Path]) -> Iterator[Path]:
    here = folder.resolve()
    if here in above:  # a link that leads back to where we are
        return
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _walk(entry, above | {here})
        elif entry.is_file():
            yield entry
