"""Remarks for the user about files that may hold many items, but are read as one item.

Firsthand cannot read the rows in these files, because it does not support their format.
"""

from collections.abc import Iterable, Iterator

from firsthand.files.discover import InputFile

#: Suffixes of files that usually hold many items, in formats that Firsthand does not support.
SUFFIXES = (
    ".json", ".arc", ".arrow", ".feather", ".orc", ".avro", ".tfrecord", ".xlsx", ".xls", ".sqlite", ".db", ".npz",
    ".h5", ".tar", ".tgz", ".zip", ".7z", ".rar", ".lz4", ".gz", ".zst", ".bz2", ".xz",
)  # fmt: skip
_MOST_NAMED = 3
_ROWS = "Rows are read from JSONL, CSV, TSV, Parquet and WARC"


def remarks(files: Iterable[InputFile]) -> Iterator[str]:
    """Yield at most two sentences: on files with such a suffix, and on pipes. Both are read as one item each."""
    containers: list[str] = []
    pipes: list[str] = []
    for file in files:
        if file.unreadable is not None:
            continue
        if file.content is not None:
            pipes.append(str(file.path))
        elif file.row_format is None and not file.compressed and file.path.name.lower().endswith(SUFFIXES):
            containers.append(str(file.path))
    if containers:
        yield (
            f"{_named(containers)}: read as one item{'' if len(containers) == 1 else ' each'}, but a file with this "
            f"suffix usually holds many items. {_ROWS}: convert the file to one of these formats, or use --whole if "
            "the file is one item."
        )
    if pipes:
        yield (
            f"{_named(pipes)}: read as one item{'' if len(pipes) == 1 else ' each'}, because a pipe has no suffix that"
            f" shows its format. {_ROWS} files: to check rows, save them in a file with such a suffix."
        )


def _named(paths: list[str]) -> str:
    """Return the first paths as a list in words, and the number of the others."""
    more = len(paths) - _MOST_NAMED
    return ", ".join(paths[:_MOST_NAMED]) + (f" and {more:,} more files" if more > 0 else "")
