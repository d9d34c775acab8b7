"""Locations of files: local paths, and URLs that fsspec can open, such as `s3://bucket/crawl/`.

A local file is a `pathlib.Path`. A `Remote` has the methods of `Path` that this package needs, with the same names.
"""

import io
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

#: The paths of streams, such as /dev/stdin. They mean another stream in each process.
_STREAM = re.compile(r"/dev/(?:stdin|fd/)|/proc/[^/]+/(?:task/[^/]+/)?fd/")
#: The size of the buffer, in bytes, of a file whose reads are counted.
_METERED_BUFFER = 2**18
_URL = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]+)(?:://|::)")


@dataclass(frozen=True, order=True)
class Remote:
    """A file or folder at a URL. Only the URL is pickled, and each process opens its own connection to the store."""

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

    def open(self) -> IO[bytes]:
        """Open the file for reading. Raises ContentError if the file cannot be opened.

        If a later read fails, the read raises OSError.
        """
        with self._store() as (system, path):
            return io.BufferedReader(_StoreFile(system.open(path, "rb")), 2**20)

    def read_bytes(self) -> bytes:
        with self._store() as (system, path), system.open(path, "rb") as file:
            return bytes(file.read())

    def exists(self) -> bool:
        with self._store() as (system, path):
            if system.exists(path):
                return True
            try:
                system.info(path)  # for many stores, every error means to `exists` that the file does not exist
            except FileNotFoundError:
                return False
            return True

    def is_dir(self) -> bool:
        with self._store() as (system, path):
            return bool(system.isdir(path))

    def files(self) -> Iterator[tuple["Remote", Path]]:
        """Yield all files in this folder and its subfolders, sorted by name, with their paths relative to this folder.

        Files and folders whose names begin with a dot are skipped.
        """
        with self._store() as (system, folder):
            paths = [PurePosixPath(path).relative_to(folder) for path in sorted(system.find(folder))]
        for relative in paths:
            if not any(part.startswith(".") for part in relative.parts):
                yield self / relative, Path(relative)

    def put(self, file: Path) -> None:
        """Upload a local file to this URL, and replace the file there. Raises ContentError if this fails."""
        with self._store() as (system, path):
            system.makedirs(path.rsplit("/", 1)[0], exist_ok=True)
            system.put_file(str(file), path)

    @contextmanager
    def _store(self) -> Iterator[tuple[Any, str]]:
        """Yield the store of this URL and the path in the store. Every error of the store becomes a ContentError.

        The packages of the stores have no common base class for their errors. Some raise network errors, some their own
        types.
        """
        try:
            import fsspec.core  # an optional dependency: needed for URLs only
        except ImportError:
            raise ContentError(
                f"{self.url}: URLs need the package fsspec. Install it with: pip install fsspec"
            ) from None
        try:
            yield fsspec.core.url_to_fs(self.url)
        except ImportError as error:
            raise ContentError(f"{self.url} cannot be opened: {_how_to_install(self.url, error)}") from None
        except ContentError:
            raise
        except Exception as error:
            raise ContentError(
                f"{self.url} cannot be opened: {_in_words(error)}. Check the URL and the network"
            ) from None


class _StoreFile(io.RawIOBase):
    """A file of a store. A failed read raises OSError, as for local files, whatever the store's package raises."""

    def __init__(self, file: Any) -> None:
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return bool(self._file.seekable())

    def readinto(self, buffer: Any) -> int:
        with _as_oserror():
            content = self._file.read(len(buffer))
        buffer[: len(content)] = content
        return len(content)

    def seek(self, offset: int, whence: int = 0) -> int:
        with _as_oserror():
            return int(self._file.seek(offset, whence))

    def tell(self) -> int:
        return int(self._file.tell())

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


@contextmanager
def _as_oserror() -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise OSError(f"the store cannot be used: {_in_words(error)}") from None


def _in_words(error: Exception) -> str:
    """Return the type and the first line of an error that a store's package raised."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:300].rstrip('.')}" if lines else type(error).__name__


def _how_to_install(url: str, error: ImportError) -> str:
    """Return a sentence with the package that the store needs, and the command that installs the package."""
    from fsspec.registry import known_implementations

    scheme = re.split("::|://", url, maxsplit=1)[0]
    known = known_implementations.get(scheme, {})
    module = str(known.get("class", "")).partition(".")[0]
    if module in ("", "fsspec"):
        return str(error)
    return f"{scheme}:// needs the package {module}. Install it with: pip install {module}"


Location: TypeAlias = Path | Remote


def parse(text: str) -> Location:
    """Parse a path or a URL. `file://` is a local path. One letter and a colon are a drive of Windows, not a URL."""
    if not (url := _URL.match(text)) or ("://" not in text and Path(text).exists()):
        return Path(text)
    return Path(text.removeprefix("file://")) if url["scheme"] == "file" and "::" not in text else Remote(text)


@contextmanager
def replacing(target: Location) -> Iterator[Path]:
    """Yield a local temporary path, and move its file to `target` when the block ends without an error.

    For a remote target, the file is uploaded. After an error, the temporary file is removed and the target is
    unchanged. If the folder of a local target does not exist, it is created.
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
    """Copy a file to a local path. The copy of a local file has the same times and permissions."""
    if isinstance(source, Path):
        shutil.copy2(source, target)
        return
    with source.open() as file, target.open("wb") as out:
        shutil.copyfileobj(file, out)


def is_pipe(path: Path) -> bool:
    """Return whether a file can be read only once, and only by this process: a pipe, or a stream such as /dev/stdin."""
    return path.exists() and not path.is_dir() and (not path.is_file() or _STREAM.match(str(path)) is not None)


def printable(name: str) -> str:
    """Return a name as one line of text, in which control characters and bytes that are not UTF-8 are escaped."""
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def identity(location: Location) -> str:
    """Return a text that is equal for two locations of the same file. For URLs, only slashes at the end are ignored."""
    return str(location.resolve()) if isinstance(location, Path) else location.url.rstrip("/")


@dataclass
class ReadMeter:
    """Counts the bytes that are read from files, for progress."""

    bytes: int = 0


class _MeteredFile(io.RawIOBase):
    """A file that adds the number of bytes of each read to a `ReadMeter`."""

    def __init__(self, file: IO[bytes], meter: ReadMeter) -> None:
        self._file, self._meter = file, meter

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return self._file.seekable()

    def readinto(self, buffer: Any) -> int:
        content = self._file.read(len(buffer))
        buffer[: len(content)] = content
        self._meter.bytes += len(content)
        return len(content)

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


class FileRange(io.BufferedReader):
    """The bytes of an open file from `start` to before `end`. The file stays open when the range is closed."""

    def __init__(self, file: IO[bytes], start: int, end: int) -> None:
        file.seek(start)
        super().__init__(_RawRange(file, end - start), _METERED_BUFFER)


class _RawRange(io.RawIOBase):
    """The next `size` bytes of an open file."""

    def __init__(self, file: IO[bytes], size: int) -> None:
        self._file, self._left = file, size

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        content = self._file.read(min(len(buffer), self._left))
        buffer[: len(content)] = content
        self._left -= len(content)
        return len(content)


def open_binary(location: Location, meter: ReadMeter | None = None) -> IO[bytes]:
    """Open a file for reading, without decompression. If `meter` is given, it counts the bytes that are read.

    Raises OSError if a local file cannot be opened, and ContentError if a remote file cannot be opened.
    """
    file = location.open() if isinstance(location, Remote) else location.open("rb")
    return file if meter is None else io.BufferedReader(_MeteredFile(file, meter), _METERED_BUFFER)
