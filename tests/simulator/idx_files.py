"""Pictures in files of the format of MNIST."""

import gzip
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt

from simulator.randomness import generator

NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def write_idx(path: Path, array: npt.NDArray[np.uint8], *, packed: bool = False) -> None:
    """An array as a file in the format of MNIST, with `.gz` in its name if packed."""
    header = bytes([0, 0, 8, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    content = header + array.tobytes()
    if packed:
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(content))
    else:
        path.write_bytes(content)


def scans(n: int, side: int = 28) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.uint8]]:
    """Noisy pictures of ten kinds, and of which kind each is."""
    rng = generator(1, "scans", n)
    labels = np.arange(n, dtype=np.uint8) % 10
    pictures = rng.integers(0, 40, (n, side, side), dtype=np.uint8)
    pictures[np.arange(n), labels] += 200  # kind k has its k-th row black
    return pictures, labels


def write_folder(folder: Path, *, packed: bool = False, side: int = 28) -> Path:
    """A folder with the four files of MNIST, of 120 and of 60 pictures."""
    folder.mkdir(exist_ok=True)
    for name, array in zip(NAMES, (*scans(120, side), *scans(60, side)), strict=True):
        write_idx(folder / name, array, packed=packed)
    return folder
