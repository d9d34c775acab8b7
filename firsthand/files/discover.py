"""Find the files at the user's paths, and read the items in these files, each with a name."""

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
#: The minimum size of a span, in bytes (see `divided`).
_SMALLEST_SPAN = 2**23


@dataclass(frozen=True)
class InputFile:
    """A file: either one item, or rows that are items."""

    path: Location
    #: The path relative to the folder that the user named. The output file has the same relative path in the output
    #: folder.
    relative: Path
    #: The format that reads and writes the rows. None means that the file is one item.
    row_format: RowFormat | None
    #: Whether the item is the decompressed content of the file.
    compressed: bool = False
    #: For a pipe: its content, because a pipe can be read only once and only by this process. Otherwise None.
    content: bytes | None = None
    #: Why the file cannot be read, if this was already found during the search. Otherwise None.
    unreadable: str | None = None
    #: The part of the file that is read. None means the whole file.
    span: Span | None = None

    def size(self) -> int | None:
        """Return the size of the file, or of its span, in bytes.

        Return None for a remote file, because a request per file would be slow, and 0 if the file does not exist.
        """
        if self.content is not None:
            return len(self.content)
        try:
            size = self.path.stat().st_size if isinstance(self.path, Path) else None
        except OSError:  # for example a link to nothing
            return 0
        return size if size is None or self.span is None else self.span.size_of(size)

    def read_rows(self, field: str, skip: bool = False, meter: ReadMeter | None = None) -> Iterator[Rows]:
        """Yield the rows of the file, or of its span, in parts. `row_format` must not be None."""
        if self.span is not None:
            assert isinstance(self.row_format, DivisibleFormat)
            return self.row_format.read_span(self.path, field, self.span, skip, meter)
        assert self.row_format is not None
        return self.row_format.read(self.path, field, skip=skip, meter=meter)

    def item(self) -> Item:
        """Return the item: the path of a local file that is not compressed, otherwise the content.

        Raises ContentError if the file cannot be read.
        """
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
    """A sequence of the items in files. At each access, a compressed or remote file is read again: it is not cached."""

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

    The files in a folder are sorted by name. Links to folders are followed. Hidden files and folders are skipped. The
    suffix of a file decides whether the file has rows (see `formats`). With `whole`, every file is one item. A pipe
    (`<(…)`, `/dev/stdin`) is read here, and is one item.

    Raises ContentError if a path does not exist, if there are no files, or if a folder contains a broken link or a
    pipe: `check` must not skip what a training job would open. With `skip`, a broken link or a pipe in a folder is
    returned as a file that cannot be read (see `unreadable`).
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

    A file with rows is a group of its own. Other files (one item each) are collected in groups of up to `most` files.
    The default of `most` is `BATCH`.
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
    """Divide large files into spans, so that `parts` processes have work of similar size. Return files and spans.

    A file is divided only if it has at least two spans of the minimum size: total size / `parts`, or `_SMALLEST_SPAN`
    bytes if that is more. A file whose format cannot be divided stays whole.
    """
    local = sum(file.size() or 0 for file in files)
    size = max(_SMALLEST_SPAN, local // parts)
    return [part for file in files for part in _spans(file, (file.size() or 0) // size)]


def _spans(file: InputFile, most: int) -> Sequence[InputFile]:
    if most < 2 or not isinstance(file.path, Path) or not isinstance(file.row_format, DivisibleFormat):
        return [file]
    return [replace(file, span=span) for span in file.row_format.spans(file.path, most)] or [file]


def total_size(files: Iterable[InputFile]) -> int | None:
    """Return the size of all files in bytes. Return None if the size of any file is not known."""
    sizes = [file.size() for file in files]
    return None if None in sizes else sum(size or 0 for size in sizes)


def row_name(file: InputFile, number: int) -> str:
    """Return the name of a row: `PATH:NUMBER`."""
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
    if resolved in above:  # a link to a folder that contains it
        return
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        if entry.is_dir():
            yield from _walk(entry, above | {resolved})
        elif entry.is_symlink() or entry.exists():
            yield entry


def _problem(entry: Path) -> str | None:
    """Return why an entry of a folder cannot be read as a file. Return None if it can be read."""
    if entry.is_file() or not (entry.is_symlink() or entry.exists()):
        return None
    if not entry.exists():
        return f"{entry} is a link to {entry.readlink()}, which does not exist. Restore the file, or remove the link"
    return (
        f"{entry} is a pipe, a socket or a device, not a file. Remove it from the folder, or add its path to the"
        " command to read it as one item"
    )
