"""IDX, the file format of MNIST: bytes in any number of dimensions (LeCun et al., yann.lecun.com/exdb/mnist).

A file has two zero bytes, the type (8: unsigned bytes), the number of dimensions, the size of each dimension as a
32-bit big-endian number, then the values, with the last dimension varying fastest. The whole file is checked. Each
error message names the file.
"""

import gzip
import zlib
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

Bytes: TypeAlias = npt.NDArray[np.uint8]

_UNSIGNED_BYTE = 8


def load(folder: Path, name: str, dimensions: int) -> Bytes:
    """Return the array in the IDX file `folder/name` or `folder/name.gz`.

    `dimensions` is the number of dimensions that the array must have. Raises ValueError if neither file exists, and if
    the file is not valid (see `parse`).
    """
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return parse(_content(path), dimensions, path)
    raise ValueError(
        f"{folder.absolute()} does not have the file {name}, nor {name}.gz: check the path of the folder, or "
        "copy the file into it"
    )


def parse(content: bytes, dimensions: int, path: Path) -> Bytes:
    """Return the array in `content`, the content of an IDX file with this number of dimensions.

    `path` is the path of the file, for error messages. Raises ValueError if the content is not an IDX file with these
    dimensions, or has the wrong length.
    """
    start = 4 + 4 * dimensions
    magic = bytes([0, 0, _UNSIGNED_BYTE, dimensions])
    if content[:4] != magic:
        raise ValueError(
            f"{path} is not an IDX file of bytes in {dimensions} dimensions: it begins with {content[:4].hex()}, not "
            f"{magic.hex()}. Use a file in the format of MNIST"
        )
    if len(content) < start:
        raise ValueError(
            f"{path} is incomplete: it has {len(content)} bytes, but its header needs {start}. Get a complete copy"
        )
    shape = tuple(int(size) for size in np.frombuffer(content[4:start], dtype=">u4"))
    values = np.frombuffer(content, dtype=np.uint8, offset=start)
    expected = int(np.prod(shape, dtype=object))
    if len(values) != expected or expected == 0:
        raise ValueError(
            f"{path} is damaged: its header gives {' × '.join(map(str, shape))} = {expected} values, but the file has "
            f"{len(values)}. Get a complete copy"
        )
    return values.reshape(shape)


def _content(path: Path) -> bytes:
    """Return the bytes of a file, decompressed if it is a .gz file."""
    content = path.read_bytes()
    if path.suffix != ".gz":
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path} cannot be decompressed: {error}. Get a complete copy") from None
