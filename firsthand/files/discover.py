"""Find the files at the user's paths, and read the items in them, each with a name."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, overload

from firsthand.errors import ContentError, RowError
from firsthand.files import compression, formats, locations
from firsthand.files.formats import DivisibleFormat, RowFormat, Rows, Span
from firsthand.files.inputs import Item
from firsthand.files.locations import Location, ReadMeter, Remote

#: The number of files that are read together if each file is one item.
BATCH = 1_000
#: The least number of bytes of a part of a file that a process reads.
_SMALLEST_SPAN = 2**23


@dataclass(frozen=True)
class InputFile:
    """A file: either one item, or rows that are items."""

    path: Location
    #: The path relative to the folder that the user named. The output has the same path in its folder.
    relative: Path
    #: Reads and writes the rows; None if the file is one item.
    row_format: RowFormat | None
    #: Whether the item is the decompressed content of the file.
    compressed: bool = False
    #: The content of a pipe, which can be read only once, and only by this process.
    content: bytes | None = None
    #: Why the file cannot be read, if this is known before it is read.
    unreadable: str | None = None
    #: The part of the file that is read; None for the whole file.
    span: Span | None = None

    def size(self) -> int | None:
        """Return the size of the file, or of its span, in bytes; None for a URL: asking a store for each is slow."""
        if self.content is not None:
            return len(self.content)
        try:
            size = self.path.stat().st_size if isinstance(self.path, Path) else None
        except OSError:  # for example a link to nothing
            return 0
        return size if size is None or self.span is None else self.span.size_of(size)

    def read_rows(self, field: str, skip: bool = False, meter: ReadMeter | None = None) -> Iterator[Rows]:
        """Yield the rows of the file, or of its span, in parts. The file must have a format with rows."""
        if self.span is not None:
            assert isinstance(self.row_format, DivisibleFormat)
            return self.row_format.read_span(self.path, field, self.span, skip, meter)
        assert self.row_format is not None
        return self.row_format.read(self.path, field, skip=skip, meter=meter)

    def item(self) -> Item:
        """Return the item: the path of a local file that is not compressed, otherwise the content."""
        if self.unreadable is not None:
            raise ContentError(self.unreadable)
        if self.content is not None:
            return self.content
        if self.compressed:
            with compression.reading(self.path) as file:
                return file.read()
        return self.path.read_bytes() if isinstance(self.path, Remote) else self.path


@dataclass(frozen=True)
class ItemBatch:
    """Consecutive items, each with its name."""

    names: list[str]
    items: Sequence[Item]


class FileItems(Sequence[Item]):
    """Files as a sequence of items. A compressed or remote file is read at each access, and not kept in memory."""

    def __init__(self, files: Sequence[InputFile]) -> None:
        self._files = files

    def __len__(self) -> int:
        return len(self._files)

    @overload
    def __getitem__(self, index: int) -> Item: ...
    @overload
    def __getitem__(self, index: slice) -> "FileItems": ...
    def __getitem__(self, index: int | slice) -> "Item | FileItems":
        selected = self._files[index]
        return selected.item() if isinstance(selected, InputFile) else FileItems(selected)


def find(paths: Iterable[Location | str], *, whole: bool = False, skip: bool = False) -> list[InputFile]:
    """Return the files at these paths and URLs.

    Folders are searched in the order of names. Links to folders are followed; hidden files and folders are skipped.
    The table of formats defines which files have rows. With `whole`, every file is one item. A pipe (`<(…)`,
    `/dev/stdin`) is read here, and is one item. Raises ContentError if a path does not exist, if there are no files, or
    if a folder contains a link to nothing or a pipe: a gate must not pass over what a training job would open. With
    `skip`, such a link or pipe is returned as a file whose item cannot be read.
    """
    named = [locations.parse(path) if isinstance(path, str) else path for path in paths]
    files: list[InputFile] = []
    for path in named:
        if not path.exists():
            raise ContentError(f"{path} does not exist; check the path")
        if isinstance(path, Path) and locations.is_pipe(path):
            files.append(InputFile(path, Path(path.name), None, content=path.read_bytes()))
            continue
        for file, relative in _files(path):
            if isinstance(file, Path) and file != path and (problem := _problem(file)) is not None:
                if not skip:
                    raise ContentError(problem)
                files.append(InputFile(file, relative, None, unreadable=problem))
                continue
            format = None if whole else formats.of(file.suffixes)
            rows = format.rows if format else None
            compressed = format is not None and rows is None and compression.codec(file.name) is not None
            files.append(InputFile(file, relative, rows, compressed))
    if not files:
        raise ContentError(
            f"there are no files in {', '.join(map(str, named))}; check the path (hidden files are skipped)"
        )
    return files


def batches(files: Iterable[InputFile], field: str) -> Iterator[ItemBatch]:
    """Yield all items of the files, in order. Raises ContentError if the field is null or missing in a row."""
    for group in groups(files):
        row_format = group[0].row_format
        if row_format is None:
            yield ItemBatch([str(file.path) for file in group], FileItems(group))
            continue
        (file,) = group
        for rows in row_format.read(file.path, field):
            items: list[Any] = rows.items.to_pylist()
            if rows.items.null_count:
                number = rows.numbers[items.index(None)]
                raise RowError(
                    str(file.path), f"row {number}", number, f"the field {field!r} is null; fill it, or remove the row"
                )
            yield ItemBatch([row_name(file, number) for number in rows.numbers], items)


def groups(files: Iterable[InputFile], most: int | None = None) -> Iterator[list[InputFile]]:
    """Divide the files, in order, into groups, and yield each group.

    A file with rows is a group of one file. Files that are one item each form groups of up to `most` files (by
    default `BATCH`).
    """
    most = most or BATCH
    group: list[InputFile] = []
    for file in files:
        if group and (file.row_format is not None or len(group) == most):
            yield group
            group = []
        if file.row_format is not None:
            yield [file]
        else:
            group.append(file)
    if group:
        yield group


def divided(files: Sequence[InputFile], parts: int) -> list[InputFile]:
    """Return the files with the large ones divided into spans, so that `parts` processes have work of similar size.

    No span is larger than a part of the total size, and none is smaller than `_SMALLEST_SPAN` bytes. A file that its
    format cannot divide stays whole.
    """
    local = sum(file.size() or 0 for file in files)
    size = max(_SMALLEST_SPAN, local // parts)
    return [part for file in files for part in _spans(file, (file.size() or 0) // size)]


def _spans(file: InputFile, most: int) -> Sequence[InputFile]:
    if most < 2 or not isinstance(file.path, Path) or not isinstance(file.row_format, DivisibleFormat):
        return [file]
    return [replace(file, span=span) for span in file.row_format.spans(file.path, most)] or [file]


def total_size(files: Iterable[InputFile]) -> int | None:
    """Return the size of all files in bytes; None if that of a file is not known."""
    sizes = [file.size() for file in files]
    return None if None in sizes else sum(size or 0 for size in sizes)


def row_name(file: InputFile, number: int) -> str:
    """Return the name of a row: the path of its file and its number."""
    return f"{file.path}:{number}"


def _files(path: Location) -> Iterator[tuple[Location, Path]]:
    if not path.is_dir():
        yield path, Path(path.name)
    elif isinstance(path, Remote):
        yield from path.files()
    else:
        yield from ((file, file.relative_to(path)) for file in _walk(path, frozenset()))


def _walk(folder: Path, above: frozenset[Path]) -> Iterator[Path]:
    resolved = folder.resolve()
    if resolved in above:  # a link that leads back to a folder above
        return
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _walk(entry, above | {resolved})
        elif entry.is_symlink() or entry.exists():
            yield entry


def _problem(entry: Path) -> str | None:
    """Return why an entry of a folder cannot be read as a file; None if it can."""
    if entry.is_file() or not (entry.is_symlink() or entry.exists()):
        return None
    if not entry.exists():
        return f"{entry} is a link to {entry.readlink()}, which does not exist. Restore the file, or remove the link"
    return (
        f"{entry} is a pipe, a socket or a device, not a file. Remove it from the folder, or give its path to read it"
        " as one item"
    )
