"""MNIST's own file format, IDX: bytes in any number of dimensions (LeCun et al., yann.lecun.com/exdb/mnist).

Two zero bytes, the type (8: unsigned bytes), the number of dimensions, the size of each as 32 bits big-endian, then the
values, the last dimension fastest. Read strictly: a file that was cut off, or is something else, is refused by name.
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
    """The array in `folder/name`, or in `folder/name.gz` where that is not there. Raises ValueError naming the file."""
    for path in (folder / name, folder / f"{name}.gz"):
        if path.is_file():
            return parse(_content(path), dimensions, path)
    raise ValueError(f"{folder.absolute()} has neither {name} nor {name}.gz")


def parse(content: bytes, dimensions: int, path: Path) -> Bytes:
    """The array that the content of an IDX file says. Raises ValueError naming the file."""
    start = 4 + 4 * dimensions
    magic = bytes([0, 0, _UNSIGNED_BYTE, dimensions])
    if content[:4] != magic:
        raise ValueError(
            f"{path} begins with {content[:4].hex()}, not {magic.hex()}: no IDX file of {dimensions}-d bytes"
        )
    if len(content) < start:
        raise ValueError(f"{path} was cut off: it ends after {len(content)} bytes, within its {start} bytes of sizes")
    shape = tuple(int(size) for size in np.frombuffer(content[4:start], dtype=">u4"))
    values = np.frombuffer(content, dtype=np.uint8, offset=start)
    wanted = int(np.prod(shape, dtype=object))
    if len(values) != wanted or wanted == 0:
        raise ValueError(f"{path} says {' × '.join(map(str, shape))} = {wanted} values, and holds {len(values)}")
    return values.reshape(shape)


def _content(path: Path) -> bytes:
    """A file's bytes, unpacked if it is packed."""
    content = path.read_bytes()
    if path.suffix != ".gz":
        return content
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise ValueError(f"{path} cannot be unpacked: {error}") from None
