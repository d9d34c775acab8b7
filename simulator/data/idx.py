"""IDX, the file format of MNIST: bytes in any number of dimensions (LeCun et al., yann.lecun.com/exdb/mnist).

Two zero bytes, the type (8: unsigned bytes), the number of dimensions, the size of each in 32 bits (big-endian), then
the values, with the last dimension fastest. The file is checked completely; errors name it.
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
    """Return the array in `folder/name`, or in `folder/name.gz`. Raises ValueError with the name of the file."""
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return parse(_content(path), dimensions, path)
    raise ValueError(f"{folder.absolute()} does not have the file {name}, nor {name}.gz")


def parse(content: bytes, dimensions: int, path: Path) -> Bytes:
    """Return the array in the content of an IDX file. Raises ValueError with the name of the file."""
    start = 4 + 4 * dimensions
    magic = bytes([0, 0, _UNSIGNED_BYTE, dimensions])
    if content[:4] != magic:
        raise ValueError(
            f"{path} is not an IDX file of bytes in {dimensions} dimensions: it begins with {content[:4].hex()}, not "
            f"{magic.hex()}"
        )
    if len(content) < start:
        raise ValueError(f"{path} is incomplete: it has {len(content)} bytes, and its header alone has {start}")
    shape = tuple(int(size) for size in np.frombuffer(content[4:start], dtype=">u4"))
    values = np.frombuffer(content, dtype=np.uint8, offset=start)
    expected = int(np.prod(shape, dtype=object))
    if len(values) != expected or expected == 0:
        raise ValueError(
            f"{path} is damaged: the header has {' × '.join(map(str, shape))} = {expected} values, the file "
            f"{len(values)}"
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
        raise ValueError(f"{path} cannot be decompressed: {error}") from None
