"""Files that hold many items and are read as one, because their format is not read: a person should know of them."""

from collections.abc import Iterable, Iterator

from firsthand.files.discover import InputFile

#: Ends of the names of files that usually hold many items. Firsthand does not read them.
SUFFIXES = (
    ".json", ".arc", ".arrow", ".feather", ".orc", ".avro", ".tfrecord", ".xlsx", ".xls", ".sqlite", ".db", ".npz",
    ".h5", ".tar", ".tgz", ".zip", ".7z", ".rar", ".lz4", ".gz", ".zst", ".bz2", ".xz",
)  # fmt: skip
_MOST_NAMED = 3
_ROWS = "Rows are read from JSONL, CSV, TSV, Parquet and WARC"


def remarks(files: Iterable[InputFile]) -> Iterator[str]:
    """Yield a sentence for each kind of file that may hold many items and is read as one."""
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
            f"{_named(containers)}: read as one item{'' if len(containers) == 1 else ' each'}, although the name says"
            f" that it may hold many. {_ROWS}: convert the file to one of these, or use --whole if it is one item."
        )
    if pipes:
        yield (
            f"{_named(pipes)}: read as one item{'' if len(pipes) == 1 else ' each'}, since a pipe has no name that says"
            f" its format. {_ROWS} files: save rows to a file with such a name."
        )


def _named(paths: list[str]) -> str:
    more = len(paths) - _MOST_NAMED
    return ", ".join(paths[:_MOST_NAMED]) + (f" and {more:,} more files" if more > 0 else "")
