"""The table of file formats: for each suffix, the class that reads and writes it, and the possible compressions.

To add a format, write a class with the interface `RowFormat` in a module of this folder, and add one entry to
`FORMATS`. Everything else (discovery of files, help texts, progress) follows from the entry.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from firsthand.files.compression import CODECS
from firsthand.files.formats.base import DivisibleFormat, RowFormat, Rows, RowWriter, Span
from firsthand.files.formats.delimited import Csv
from firsthand.files.formats.jsonlines import JsonLines
from firsthand.files.formats.parquet import Parquet
from firsthand.files.formats.warc import Warc

__all__ = [
    "FORMATS",
    "Csv",
    "DivisibleFormat",
    "FileFormat",
    "JsonLines",
    "Parquet",
    "RowFormat",
    "RowWriter",
    "Rows",
    "Span",
    "Warc",
    "of",
]


@dataclass(frozen=True)
class FileFormat:
    """One entry of the table: a format with its suffixes."""

    #: The name in help texts.
    name: str
    suffixes: tuple[str, ...]
    #: The class that reads and writes the rows. None means that the content of the file is one item.
    rows: RowFormat | None
    #: Suffixes of compression that may follow the suffix of the format, as in `.jsonl.gz`.
    compressions: tuple[str, ...] = ()


_ANY_COMPRESSION = tuple(CODECS)

FORMATS = (
    FileFormat("JSONL", (".jsonl", ".ndjson"), JsonLines(), _ANY_COMPRESSION),
    FileFormat("CSV", (".csv",), Csv(), _ANY_COMPRESSION),
    FileFormat("TSV", (".tsv",), Csv("\t"), _ANY_COMPRESSION),
    FileFormat("Parquet", (".parquet", ".pq"), Parquet()),
    # Each record is compressed by itself. Common Crawl names archives of texts and of metadata `.warc.wet` and
    # `.warc.wat`. A `.wat` alone is the text form of WebAssembly.
    FileFormat("WARC", (".warc", ".warc.wet", ".warc.wat"), Warc(), (".gz", ".zst")),
    # For a compressed text, the item is the decompressed text. For other compressed files (such as `.tar.gz`), the
    # item is the compressed file.
    FileFormat("text", (".txt", ".text", ".md", ".html", ".htm"), None, _ANY_COMPRESSION),
)

_BY_SUFFIX = {suffix: format for format in FORMATS for suffix in format.suffixes}


def of(suffixes: Sequence[str]) -> FileFormat | None:
    """Return the format for the suffixes of a file name, such as `.jsonl`, `.csv.zst` or `.warc.wet.gz`.

    Return None if the table has no such format: the file is then one item.
    """
    parts = [suffix.lower() for suffix in suffixes]
    compression = parts.pop() if parts and parts[-1] in CODECS else None
    format = _BY_SUFFIX.get("".join(parts[-2:])) or _BY_SUFFIX.get("".join(parts[-1:]))
    return format if format is not None and compression in (None, *format.compressions) else None
