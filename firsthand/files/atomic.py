"""Write files so that a reader sees the old content or the complete new content, never a part of it.

All writers work in the same way: write a temporary file in the folder of the target, then rename it over the target.
After an error the temporary file is removed and the target is unchanged. A process that is killed can leave a hidden
file `.NAME.XXXXXXXX.part` next to the target. You can delete this file.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO


@contextmanager
def replacing(target: Path) -> Iterator[Path]:
    """Yield a temporary path next to `target`, and rename the file to `target` when the block ends without an error.

    The caller creates the file. The folder must exist. This function does not wait until the disk has stored the
    content: after a power failure, the file can be empty.
    """
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        yield temporary
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def writing(target: Path, *, sync: bool = False, private: bool = False) -> Iterator[IO[bytes]]:
    """Yield a new binary file. It replaces `target` when the block ends without an error.

    With `sync`, the content is on the disk before the file is renamed: after a power failure, the file is complete.
    With `private`, the file has the mode 0600 from its creation: use this for keys.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    mode = 0o600 if private else 0o666
    with replacing(target) as temporary, os.fdopen(os.open(temporary, flags, mode), "wb") as file:
        yield file
        if sync:
            file.flush()
            os.fsync(file.fileno())


def write_bytes(target: Path, content: bytes, *, sync: bool = False, private: bool = False) -> None:
    """Write `content` as the complete file `target`. `sync` and `private` have the same effect as in `writing`."""
    with writing(target, sync=sync, private=private) as file:
        file.write(content)
