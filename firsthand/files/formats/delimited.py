"""CSV and TSV: a header and records. A record can have several lines. Selected records are written byte for byte.

The reader is strict, because a lenient reader changes texts without an error: if a quote is not closed, the records
after it become part of the text, and a comma without quotes cuts a text. So these are errors: a quote that is never
closed, a text after a closing quote, and a record with more or fewer fields than the header.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import compress, islice
from pathlib import Path
from typing import IO, TypeAlias

import numpy as np
import numpy.typing as npt

from firsthand.errors import ContentError, RowError
from firsthand.files import compression
from firsthand.files.formats import base
from firsthand.files.formats.base import RowErrors, Rows, RowWriter, no_field, text_column, two_columns
from firsthand.files.locations import Location, ReadMeter

#: The most characters in a field. This limits the memory for a quote that is never closed. The default limit of
#: Python's csv module is 128 KiB, but texts can be longer.
_LONGEST_FIELD = 2**28

#: A part of a message of Python's csv module → the message for the user.
_REASONS = {
    "expected after": "a closing quote is followed by text. Close the quote before it, or double the quotes inside of"
    ' a quoted field ("")',
    "new-line character": "a field without quotes contains a carriage return (CR). Convert the line ends, or quote the"
    " field",
}


#: The bytes of a record, its fields, the number of its first line, and why it cannot be read (None if it can be read).
Record: TypeAlias = tuple[bytes, list[str], int, str | None]


@dataclass(frozen=True)
class Csv:
    """The format with a header, then records whose fields are separated by `delimiter`."""

    delimiter: str = ","

    def read(
        self,
        location: Location,
        field: str,
        whole: bool = False,
        skip: bool = False,
        meter: ReadMeter | None = None,
    ) -> Iterator[Rows]:
        records = self._records(location, meter)
        header = next(records, None)
        if header is None:
            return
        _, names, first_line, problem = header
        if problem is not None:
            raise ContentError(f"{location}, line {first_line}, in the header: {problem}")
        if (count := names.count(field)) != 1:
            raise two_columns(location, field, count) if count else no_field(location, field, names)
        column, width = names.index(field), len(names)
        errors, numbered = RowErrors(skip), enumerate(records, 1)
        while part := list(islice(numbered, base.BATCH)):
            items: list[str | None] = []
            for number, (_, fields, line, error) in part:
                if error is None and len(fields) == width:
                    items.append(fields[column])
                    continue
                if error is None:
                    error = _other_width(len(fields), width)
                errors.add(RowError(str(location), f"line {line}, record {number}", number, error))
                items.append(None)
            raw = [content for _, (content, _, _, _) in part]
            yield Rows([number for number, _ in part], text_column(items), raw, errors.take())

    @contextmanager
    def writing(self, path: Path, like: Location) -> Iterator[RowWriter]:
        header = next(self._records(like), None)
        with compression.writing(path, like) as file:
            file.write(header[0] if header else b"")
            yield _CsvRecordWriter(file)

    def estimate_rows(self, path: Path) -> int:
        return base.estimate_lines(path)

    def _records(self, location: Location, meter: ReadMeter | None = None) -> Iterator[Record]:
        """Yield the records.

        Raises ContentError if a quote is never closed, or if a record over several lines is not valid.
        """
        csv.field_size_limit(_LONGEST_FIELD)
        with compression.reading(location, meter) as file:
            lines: list[bytes] = []  # the lines that were read since the last record
            invalid: list[str] = []  # what is wrong with their encoding
            reader = csv.reader(_recording(location, file, lines, invalid), delimiter=self.delimiter, strict=True)
            line = 1
            while True:
                try:
                    for fields in reader:
                        if fields or invalid:
                            content = lines[0] if len(lines) == 1 else b"".join(lines)
                            yield content, fields, line, invalid[0] if invalid else None
                            if invalid:
                                invalid.clear()
                        lines.clear()
                        line = reader.line_num + 1
                    return
                except csv.Error as error:
                    message = str(error)
                    if "unexpected end" in message:
                        raise self._never_closed(location, lines, line, "the file ends inside quotes") from None
                    if "field limit" in message:
                        longest = f"a field in quotes has more than {_LONGEST_FIELD >> 20} MiB"
                        raise self._never_closed(location, lines, line, longest) from None
                    words = next((words for part, words in _REASONS.items() if part in message), message)
                    if len(lines) > 1:  # the quotes may enclose other records, so this is not one bad record
                        raise ContentError(f"{location}, lines {line} to {reader.line_num}: {words}.") from None
                    yield b"".join(lines), [], line, invalid[0] if invalid else words
                    invalid.clear()
                    lines.clear()
                    line = reader.line_num + 1

    def _never_closed(self, location: Location, lines: Sequence[bytes], line: int, problem: str) -> ContentError:
        text = b"".join(lines).decode("utf-8", "replace")
        opening = line + _line_of_open_quote(text, self.delimiter)
        return ContentError(
            f"{location}, line {opening}: a quote opens in this line and is never closed; {problem}. Close the quote,"
            ' or double it ("") if it is part of a text.'
        )


@dataclass(frozen=True)
class _CsvRecordWriter:
    file: IO[bytes]

    def write(self, rows: Rows, keep: npt.NDArray[np.bool_]) -> None:
        self.file.writelines(compress(rows.raw, keep))


def _recording(location: Location, file: IO[bytes], lines: list[bytes], invalid: list[str]) -> Iterator[str]:
    """Yield the lines of a file as text, for Python's csv module.

    Append the bytes of each line to `lines`. If a line is not UTF-8, append the reason to `invalid`.
    """
    line = file.readline()
    base.check_encoding(location, line)
    encoding = "utf-8-sig"
    while line:
        lines.append(line)
        try:
            text = line.decode(encoding)
        except UnicodeDecodeError as error:
            invalid.append(f"byte {error.start + 1} of the line is not UTF-8")
            text = line.decode("utf-8", "replace")
        yield text
        encoding, line = "utf-8", file.readline()


def _other_width(fields: int, width: int) -> str:
    problem = f"the record has {fields} field{'s' * (fields != 1)}, but the header has {width}"
    return f"{problem}. Put quotes around a field that holds a separator, a quote or a line end."


def _line_of_open_quote(text: str, delimiter: str) -> int:
    """Return the number of lines in `text`, the start of a record, before the quote that is not closed."""
    line = opening = 0
    quoted, start_of_field, after_pair = False, 0, 0
    for match in re.finditer(f'["\n{delimiter}]', text):
        character, position = match.group(), match.start()
        if position < after_pair:
            continue
        if quoted and character == '"':
            if text[position + 1 : position + 2] == '"':
                after_pair = position + 2
            else:
                quoted = False
        elif character == '"' and position == start_of_field:
            quoted, opening = True, line
        elif not quoted and character != '"':
            start_of_field = position + 1
        line += character == "\n"
    return opening
