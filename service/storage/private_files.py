"""Files and folders of the registry. Only the user that runs the registry can read them.

Existing files and folders keep their permissions, because an operator may have changed them on purpose.
"""

import os
from errno import EDQUOT, ENOSPC
from pathlib import Path
from tempfile import TemporaryFile

from firsthand.errors import FirsthandError


def make_folder(folder: Path) -> None:
    """Create a folder with the mode 0700, if it does not exist. Missing folders above it get the default mode."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)


def require_folder(folder: Path, variable: str) -> None:
    """Create a folder as `make_folder` does. Raises FirsthandError, which names `variable`, if files cannot be created
    in it. A full disk is no error: a registry that can only be read still starts."""
    try:
        make_folder(folder)
        TemporaryFile(dir=folder).close()
    except OSError as error:
        if error.errno in (ENOSPC, EDQUOT):
            return
        raise FirsthandError(
            f"{variable}: the folder {folder.absolute()} cannot be created or written: {error.strerror}. "
            f"Set {variable} to a folder that the user of the registry can create and write."
        ) from None


def make_file(file: Path) -> None:
    """Create an empty file with the mode 0600, if it does not exist but its folder exists.

    SQLite gives its additional files, `-wal` and `-shm`, the mode of the database file.
    """
    if file.parent.is_dir() and not file.exists():
        os.close(os.open(file, os.O_WRONLY | os.O_CREAT, 0o600))
