"""Files that are whole or not there, whatever happens while they are written."""

import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt


def write_bytes(path: Path, content: bytes) -> None:
    """Write under another name, wait for the disk, then rename: a reader sees the old file or the new one."""
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)


def write_json(path: Path, value: Any) -> None:
    """Plain JSON, whole or not there."""
    write_bytes(path, (json.dumps(value, ensure_ascii=False, indent=1) + "\n").encode())


def write_arrays(path: Path, arrays: Mapping[str, npt.NDArray[np.generic]]) -> None:
    """Named arrays as `.npz`, whole or not there."""
    held = io.BytesIO()
    np.savez(held, allow_pickle=False, **arrays)
    write_bytes(path, held.getvalue())


def write_array(path: Path, array: npt.NDArray[np.generic]) -> None:
    """An array as `.npy`, whole or not there."""
    part = path.with_name(path.name + ".part")
    with part.open("wb") as file:
        np.save(file, array, allow_pickle=False)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
