"""Read the item whose name `firsthand check` prints: a file (`page.html`), or a row of a file (`answers.jsonl:3`)."""

import re
from pathlib import Path

import numpy as np

from firsthand.errors import ContentError
from firsthand.files import discover, locations
from firsthand.files.discover import InputFile
from firsthand.files.inputs import Item

_ROW = re.compile(r"(?P<file>.+):(?P<number>\d{1,18})")


def read(name: str, field: str) -> Item | None:
    """Return the item with this name. Return None if there is no such file.

    Raises ContentError if the file or the row cannot be read, or if the file has no such row.
    """
    location = locations.parse(name)
    if location.exists() and not location.is_dir():
        (file,) = discover.find([location])
        return location if file.row_format is not None and isinstance(location, Path) else file.item()
    row = _ROW.fullmatch(name)
    if row is None:
        return None
    location = locations.parse(row["file"])
    if not location.exists() or location.is_dir():
        return None
    (file,) = discover.find([location])
    return _row(file, int(row["number"]), field)


def _row(file: InputFile, number: int, field: str) -> Item:
    if file.row_format is None:
        raise ContentError(f"{file.path} is one item and has no rows; use the name without the number")
    last = 0
    for rows in file.row_format.read(file.path, field, skip=True):
        for error in rows.errors:
            if error.number == number:
                raise error
        numbers = np.asarray(rows.numbers)
        index = np.flatnonzero(numbers == number)
        if len(index):
            item: Item | None = rows.items[int(index[0])].as_py()
            if item is None:
                raise ContentError(
                    f"{discover.row_name(file, number)}: the field {field!r} is null, so this row has no item; choose"
                    " another row"
                )
            return item
        last = int(numbers[-1]) if len(numbers) else last
    raise ContentError(f"{file.path} has no row {number}; its last row has the number {last}")
