"""Where a file is: on this machine, or in a store that fsspec reaches (`s3://bucket/crawl/`).

A local file is a `pathlib.Path`. A `Remote` has what of a path is needed here, under the same names.
"""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePath, PurePosixPath
from tempfile import TemporaryDirectory
from typing import IO, Any, TypeAlias

from firsthand.errors import ContentError

_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+)(?:://|::)")


@dataclass(frozen=True, order=True)
class Remote:
    """A file or folder at a URL. Pickles as its URL; every process opens the store for itself."""

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
        """The file, to be read. Raises ContentError where there is no way to its store, and OSError as files do."""
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
        """All files under this folder, in the order of their names, each with its place under it."""
        system, path = self._at()
        for found in sorted(system.find(path)):
            relative = PurePosixPath(found).relative_to(path)
            if not any(part.startswith(".") for part in relative.parts):
                yield self / relative, Path(relative)

    def put(self, file: Path) -> None:
        """Become what a local file holds."""
        system, path = self._at()
        system.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
        system.put_file(str(file), path)

    def _at(self) -> tuple[Any, str]:
        try:
            import fsspec.core  # only for who has files elsewhere
        except ImportError:
            raise ContentError(f"{self.url}: reading URLs takes fsspec; pip install 'firsthand[remote]'") from None
        try:
            return fsspec.core.url_to_fs(self.url)  # type: ignore[no-any-return]
        except (ImportError, ValueError) as error:  # a store whose own package is not here; no such store
            raise ContentError(f"{self.url}: {error}") from None


Place: TypeAlias = Path | Remote


def parse(text: str) -> Place:
    """A path, or a URL; `file://` is a path too. A letter and a colon are a drive of Windows and no URL."""
    if not (url := _URL.match(text)) or ("://" not in text and Path(text).exists()):
        return Path(text)
    return Path(text.removeprefix("file://")) if url["scheme"] == "file" and "::" not in text else Remote(text)


@contextmanager
def appearing(target: Place) -> Iterator[Path]:
    """A local temporary name; what was written there is at the target when all went well, and gone when not."""
    if isinstance(target, Remote):
        with TemporaryDirectory() as folder:
            temporary = Path(folder) / target.name
            yield temporary
            return target.put(temporary)
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        yield temporary
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)


def copy(source: Place, to: Path) -> None:
    """The same bytes, and of a local file the same times and permissions, at a local path."""
    if isinstance(source, Path):
        shutil.copy2(source, to)
        return
    with source.open() as file, to.open("wb") as out:
        shutil.copyfileobj(file, out)


def shown(name: str) -> str:
    """A name as one line of text: bytes that are not UTF-8, and what would break the line, are escaped."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def identity(place: Place) -> str:
    """The same for two names of one file, as far as can be told."""
    return str(place.resolve()) if isinstance(place, Path) else place.url.rstrip("/")


def opened(place: Place) -> IO[bytes]:
    """The file, to be read as it stands."""
    file: IO[bytes] = place.open("rb")
    return file
