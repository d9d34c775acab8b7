"""Where the command line and the client find a registry and its key.

One file, `credentials.json`, readable by its owner alone, in FIRSTHAND_CONFIG_DIR or the user's configuration folder:

    {"default": URL, "registries": {URL: {"organization": "local", "api_key": "fh_…"}}}

FIRSTHAND_URL and FIRSTHAND_API_KEY in the environment come before what is stored.
"""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

import platformdirs
from pydantic import ValidationError

from firsthand.errors import CredentialsError
from firsthand.schemas.base import Response

DEFAULT_URL = "http://127.0.0.1:8734"
FILE_NAME = "credentials.json"


class Entry(Response):
    """What is stored of one registry."""

    organization: str
    api_key: str


class Credentials(Response):
    """What is stored of all."""

    default: str | None = None
    registries: Mapping[str, Entry] = {}


def normalize(url: str) -> str:
    """The one form under which a registry's address is stored: no white space around it, no slash at its end."""
    return url.strip().rstrip("/")


def path(directory: Path | None = None) -> Path:
    """Where the file is: in `directory`, else FIRSTHAND_CONFIG_DIR, else the user's configuration folder."""
    chosen = directory or os.environ.get("FIRSTHAND_CONFIG_DIR") or platformdirs.user_config_dir("firsthand")
    return Path(chosen) / FILE_NAME


def load(directory: Path | None = None) -> Credentials:
    """What is stored; nothing, where there is no file. Raises CredentialsError for a file that cannot be read."""
    file = path(directory)
    try:
        return Credentials.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return Credentials()
    except (OSError, ValidationError) as error:
        raise CredentialsError(f"{file} cannot be read; move it away and log in again: {error}") from None


def store(url: str, organization: str, api_key: str, *, default: bool = True, directory: Path | None = None) -> Path:
    """Keep a registry's key, and answer where. The file is replaced whole, and never readable by others."""
    url, known = normalize(url), load(directory)
    entry = Entry(organization=organization, api_key=api_key)
    changed = Credentials(
        default=url if default or known.default is None else known.default,
        registries={**known.registries, url: entry},
    )
    file = path(directory)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # mkstemp gives a file of mode 0600 from its first moment.
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=FILE_NAME, suffix=".new")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as out:
            out.write(changed.model_dump_json(indent=2) + "\n")
        os.replace(temporary, file)
    except BaseException:
        os.unlink(temporary)
        raise
    return file


def resolve(url: str | None = None, api_key: str | None = None) -> tuple[str, str | None]:
    """The registry and the key to use: as given, else of the environment, else as stored, else the local default.

    Where both are given, what is stored is not read, and may be broken. Raises CredentialsError else.
    """
    url, api_key = url or os.environ.get("FIRSTHAND_URL"), api_key or os.environ.get("FIRSTHAND_API_KEY")
    if url and api_key:
        return normalize(url), api_key
    stored = load()
    chosen = normalize(url or stored.default or DEFAULT_URL)
    entry = stored.registries.get(chosen)
    return chosen, api_key or (entry.api_key if entry else None)
