"""The address and key of a registry: from the environment, or from the file that `firsthand login` writes.

The file is `credentials.json`, readable by its owner only, in FIRSTHAND_CONFIG_DIR or the user's configuration folder:

    {"default": URL, "registries": {URL: {"organization": "local", "api_key": "fh_…"}}}

FIRSTHAND_URL and FIRSTHAND_API_KEY have precedence over the file.
"""

import os
from collections.abc import Mapping
from pathlib import Path

import platformdirs
from pydantic import ValidationError

from firsthand.errors import CredentialsError
from firsthand.files import atomic
from firsthand.schemas.base import Response
from firsthand.schemas.explain import explain

DEFAULT_URL = "http://127.0.0.1:8734"
FILE_NAME = "credentials.json"


class StoredRegistry(Response):
    """The stored key of one registry."""

    organization: str
    api_key: str


class Credentials(Response):
    """The content of the file."""

    default: str | None = None
    registries: Mapping[str, StoredRegistry] = {}


def normalize(url: str) -> str:
    """Return an address in the form in which it is stored: without white space around it, and without final slashes."""
    return url.strip().rstrip("/")


def path(directory: Path | None = None) -> Path:
    """Return the path of the file: in `directory`, or FIRSTHAND_CONFIG_DIR, or the user's configuration folder."""
    chosen = directory or os.environ.get("FIRSTHAND_CONFIG_DIR") or platformdirs.user_config_dir("firsthand")
    return Path(chosen) / FILE_NAME


def load(directory: Path | None = None) -> Credentials:
    """Return the content of the file, empty if it does not exist. Raises CredentialsError if it cannot be read."""
    file = path(directory)
    try:
        return Credentials.model_validate_json(file.read_bytes())
    except FileNotFoundError:
        return Credentials()
    except (OSError, ValidationError) as error:
        reason = explain(error) if isinstance(error, ValidationError) else error
        raise CredentialsError(
            f"{file} cannot be read ({reason}). Move it to another folder, then run: firsthand login URL"
        ) from None


def store(url: str, organization: str, api_key: str, *, default: bool = True, directory: Path | None = None) -> Path:
    """Store the key of a registry, and return the path of the file, which other users can never read."""
    url, stored = normalize(url), load(directory)
    entry = StoredRegistry(organization=organization, api_key=api_key)
    changed = Credentials(
        default=url if default or stored.default is None else stored.default,
        registries={**stored.registries, url: entry},
    )
    file = path(directory)
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    atomic.write_bytes(file, f"{changed.model_dump_json(indent=2)}\n".encode(), private=True)
    return file


def resolve(url: str | None = None, api_key: str | None = None) -> tuple[str, str | None]:
    """Return the address and key to use: from the arguments, else the environment, else the file, else the default.

    The file is read only if arguments and environment do not give both. Raises CredentialsError if it is damaged.
    """
    url, api_key = url or os.environ.get("FIRSTHAND_URL"), api_key or os.environ.get("FIRSTHAND_API_KEY")
    if url and api_key:
        return normalize(url), api_key
    stored = load()
    chosen = normalize(url or stored.default or DEFAULT_URL)
    entry = stored.registries.get(chosen)
    return chosen, api_key or (entry.api_key if entry else None)


def describe_key(api_key: str | None, given: bool) -> str:
    """Return the source of a key and its id, for a message: `the key of FIRSTHAND_API_KEY, id 0123456789ab`.

    `given` is whether the key was passed as an argument. Without a key, the result is empty.
    """
    if not api_key:
        return ""
    if given:
        origin = "the given key"
    else:
        environment = os.environ.get("FIRSTHAND_API_KEY") == api_key
        origin = "the key of FIRSTHAND_API_KEY" if environment else "the key that `firsthand login` stored"
    prefix, _, id_and_secret = api_key.partition("_")
    id_, secret_follows, _ = id_and_secret.partition("_")
    return f"{origin}, id {id_}" if prefix == "fh" and secret_follows else origin
