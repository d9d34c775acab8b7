"""The user's own files → items, each with a name to call it by."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from firsthand.errors import ContentError
from firsthand.items import Item
from firsthand.rows import Csv, JsonLines, Table

#: Files read at once where each is an item.
BATCH = 1_000


@dataclass(frozen=True)
class Source:
    """A file: one item, or a table whose rows are items."""

    path: Path
    #: Its place under the path that the user named; under an output folder, the same.
    relative: Path
    table: Table | None


@dataclass(frozen=True)
class Batch:
    """Some items, in order."""

    names: list[str]
    items: Sequence[Item]


def find(paths: Iterable[Path], *, whole: bool = False) -> list[Source]:
    """The files at these paths, folders walked in the order of their names; what is hidden
    in a folder, and folders that are links, are passed over.

    JSON lines, CSV and Parquet are tables unless `whole`. Raises ContentError for a path that is not there, or where
    there is no file at all.
    """
    sources = [source for path in paths for source in _under(path, whole)]
    if not sources:
        raise ContentError(f"no files in {', '.join(map(str, paths))}")
    return sources


def batches(sources: Iterable[Source], field: str) -> Iterator[Batch]:
    """All items of the sources, in order. Raises ContentError for a row without a text in `field`."""
    for files in groups(sources):
        if files[0].table is None:
            yield of_files(files)
        else:
            yield from of_rows(files[0], files[0].table, field)


def groups(sources: Iterable[Source]) -> Iterator[list[Source]]:
    """The sources in order: each table by itself, up to `BATCH` files that are items together."""
    files: list[Source] = []
    for source in sources:
        if files and (source.table is not None or len(files) == BATCH):
            yield files
            files = []
        if source.table is not None:
            yield [source]
        else:
            files.append(source)
    if files:
        yield files


def of_files(files: Sequence[Source]) -> Batch:
    """Files that are one item each."""
    return Batch([str(file.path) for file in files], [file.path for file in files])


def of_rows(source: Source, table: Table, field: str) -> Iterator[Batch]:
    """The rows of a table, each named by file and row."""
    for rows in table.read(source.path, field):
        yield Batch([f"{source.path}:{number}" for number in rows.numbers], rows.items)


def table_of(path: Path) -> Table | None:
    """The format of a table by the end of its name, or None."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    packed = suffixes[-1:] == [".gz"]
    match suffixes[-2:-1] if packed else suffixes[-1:]:
        case [".jsonl" | ".ndjson"]:
            return JsonLines()
        case [".csv"]:
            return Csv()
        case [".tsv"]:
            return Csv("\t")
        case [".parquet" | ".pq"] if not packed:
            from firsthand.parquet import Parquet  # pyarrow only for who has Parquet

            return Parquet()
    return None


def _under(path: Path, whole: bool) -> Iterator[Source]:
    if not path.exists():
        raise ContentError(f"{path} is not there")
    files = _walk(path) if path.is_dir() else [path]
    for file in files:
        relative = file.relative_to(path) if path.is_dir() else Path(file.name)
        yield Source(file, relative, None if whole else table_of(file))


def _walk(folder: Path) -> Iterator[Path]:
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.is_dir() and not entry.is_symlink():  # a link may lead back to where we are
            yield from _walk(entry)
        elif entry.is_file():
            yield entry
