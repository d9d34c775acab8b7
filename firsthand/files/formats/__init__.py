"""Files whose rows are items: JSON lines, CSV, Parquet and WARC, read and written in parts of many rows.

A filtered file keeps each row as it stood, byte for byte (Parquet: value for value, under the same schema).
"""

from collections.abc import Sequence

from firsthand.files.compression import CODECS
from firsthand.files.formats.base import Rows, Table, Writer
from firsthand.files.formats.delimited import Csv
from firsthand.files.formats.jsonlines import JsonLines
from firsthand.files.formats.parquet import Parquet
from firsthand.files.formats.warc import Warc

__all__ = ["Csv", "JsonLines", "Parquet", "Rows", "Table", "Warc", "Writer", "of"]

_PACKED: dict[str, Table] = {
    ".jsonl": JsonLines(),
    ".ndjson": JsonLines(),
    ".csv": Csv(),
    ".tsv": Csv("\t"),
}
_AS_THEY_ARE: dict[str, Table] = {".parquet": Parquet(), ".pq": Parquet(), ".warc": Warc()}


def of(suffixes: Sequence[str]) -> Table | None:
    """The format that the end of a name says (`.jsonl`, `.csv.zst`, `.warc.gz`), or None."""
    *_, before, last = ["", "", *[suffix.lower() for suffix in suffixes]]
    if last in CODECS:
        return Warc() if (before, last) == (".warc", ".gz") else _PACKED.get(before)
    return _PACKED.get(last) or _AS_THEY_ARE.get(last)
