"""Locations of files: local paths, and URLs that fsspec can open, such as `s3://bucket/crawl/`.

A local file is a `pathlib.Path`. A `Remote` has the methods of `Path` that this package needs, with the same names.
"""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from tempfile import TemporaryDirectory
from typing import IO, Any, TypeAlias

from firsthand.errors import ContentError
from firsthand.files import atomic

_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+)(?:://|::)")


@dataclass(frozen=True, order=True)
class Remote:
    """A file or folder at a URL. Only the URL is pickled. Each process opens its own connection to the store."""

    url: str

    def __str__(self) -> str:
        return self.url

    @property
    def name(self) -> str:
        return PurePosixPath(self.url).name

    @property
    def suffixes(self) -> list[str]:
        return PurePosixPath(self.url).suffixes

    def __truediv__(self, part: PurePath | str) -> "Remote":
        return Remote(f"{self.url.rstrip('/')}/{PurePosixPath(part)}")

    def open(self, mode: str = "rb") -> Any:
        """Open the file for reading. Raises ContentError if the store cannot be opened, or OSError like `Path.open`."""
        system, path = self._at()
        return system.open(path, mode)

    def read_bytes(self) -> bytes:
        with self.open() as file:
            return bytes(file.read())

    def exists(self) -> bool:
        system, path = self._at()
        return bool(system.exists(path))

    def is_dir(self) -> bool:
        system, path = self._at()
        return bool(system.isdir(path))

    def files(self) -> Iterator[tuple["Remote", Path]]:
        """Yield all files in this folder and its subfolders, sorted by name, with their paths relative to it."""
        system, folder = self._at()
        for path in sorted(system.find(folder)):
            relative = PurePosixPath(path).relative_to(folder)
            if not any(part.startswith(".") for part in relative.parts):
                yield self / relative, Path(relative)

    def put(self, file: Path) -> None:
        """Upload a local file to this URL."""
        system, path = self._at()
        system.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
        system.put_file(str(file), path)

    def _at(self) -> tuple[Any, str]:
        try:
            import fsspec.core  # an optional dependency: needed for URLs only
        except ImportError:
            raise ContentError(
                f"{self.url}: reading URLs needs fsspec. Install it with: pip install 'firsthand[remote]'"
            ) from None
        try:
            return fsspec.core.url_to_fs(self.url)  # type: ignore[no-any-return]
        except (ImportError, ValueError) as error:  # the package of this store is not installed, or is not known
            raise ContentError(
                f"{self.url} cannot be opened: {error}. Check the URL, and that the package for its store is installed"
            ) from None


Location: TypeAlias = Path | Remote


def parse(text: str) -> Location:
    """Parse a path or a URL. `file://` is a local path. One letter and a colon are a drive of Windows, not a URL."""
    if not (url := _URL.match(text)) or ("://" not in text and Path(text).exists()):
        return Path(text)
    return Path(text.removeprefix("file://")) if url["scheme"] == "file" and "::" not in text else Remote(text)


@contextmanager
def replacing(target: Location) -> Iterator[Path]:
    """Yield a local temporary path, and move its file to `target` when the block ends without an error.

    After an error, the file is removed. If the folder of a local target does not exist, it is created.
    """
    if isinstance(target, Remote):
        with TemporaryDirectory() as folder:
            temporary = Path(folder) / target.name
            yield temporary
            return target.put(temporary)
    target.parent.mkdir(parents=True, exist_ok=True)
    with atomic.replacing(target) as temporary:
        yield temporary


def copy(source: Location, target: Path) -> None:
    """Copy a file to a local path. A local source keeps its times and permissions."""
    if isinstance(source, Path):
        shutil.copy2(source, target)
        return
    with source.open() as file, target.open("wb") as out:
        shutil.copyfileobj(file, out)


def printable(name: str) -> str:
    """Return a name as one line of text. Control characters, and bytes that are not valid UTF-8, are escaped."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def identity(location: Location) -> str:
    """Return a text that is equal for two names of the same file. For URLs, only final slashes are ignored."""
    return str(location.resolve()) if isinstance(location, Path) else location.url.rstrip("/")


def open_binary(location: Location) -> IO[bytes]:
    """Open a file for reading, without decompression."""
    file: IO[bytes] = location.open("rb")
    return file
