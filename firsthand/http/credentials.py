"""The address and key of a registry: from the environment, or from the file that `firsthand login` writes.

The file is `credentials.json`, in FIRSTHAND_CONFIG_DIR or the user's configuration folder. Only its owner can read it:

    {"default": URL, "registries": {URL: {"organization": "local", "api_key": "fh_…"}}}

FIRSTHAND_URL and FIRSTHAND_API_KEY have precedence over the file. FIRSTHAND_PORT also has precedence: it means the
registry at this port of this machine. `firsthand serve` uses the same variable.
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
    """Return an address in its stored form: without white space at its ends, and without slashes at its end."""
    return url.strip().rstrip("/")


def path(directory: Path | None = None) -> Path:
    """Return the path of the file: in `directory`, or FIRSTHAND_CONFIG_DIR, or the user's configuration folder."""
    chosen = directory or os.environ.get("FIRSTHAND_CONFIG_DIR") or platformdirs.user_config_dir("firsthand")
    return Path(chosen) / FILE_NAME


def load(directory: Path | None = None) -> Credentials:
    """Return the content of the file. If it does not exist, the content is empty.

    Raises CredentialsError if the file cannot be read.
    """
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
    """Store the key of a registry, and return the path of the file. Other users can never read the file.

    With `default`, this registry is used if the environment names none.
    """
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


def replace(url: str, old_id: str, api_key: str, directory: Path | None = None) -> bool:
    """Store a key instead of the key with the id `old_id`.

    Return False, and do nothing, if another key or none is stored.
    """
    entry = load(directory).registries.get(normalize(url))
    if entry is None or not entry.api_key.startswith(f"fh_{old_id}_"):
        return False
    store(url, entry.organization, api_key, default=False, directory=directory)
    return True


def resolve(url: str | None = None, api_key: str | None = None) -> tuple[str, str | None]:
    """Return the address and key to use: from the arguments, else the environment, else the file, else the default.

    The file is read only if arguments and environment do not give both. Raises CredentialsError if it is damaged.
    """
    url = url or os.environ.get("FIRSTHAND_URL") or _local_url()
    api_key = api_key or os.environ.get("FIRSTHAND_API_KEY")
    if url and api_key:
        return normalize(url), api_key
    stored = load()
    chosen = normalize(url or stored.default or DEFAULT_URL)
    entry = stored.registries.get(chosen)
    return chosen, api_key or (entry.api_key if entry else None)


def _local_url() -> str | None:
    """Return the address of this machine with the port FIRSTHAND_PORT.

    Return None if it is not set, or if it is 0 (`firsthand serve` then chooses a free port). Raises CredentialsError if
    it is not a port.
    """
    port = os.environ.get("FIRSTHAND_PORT", "").strip()
    if port in ("", "0"):
        return None
    if not (port.isascii() and port.isdigit() and int(port) <= 65_535):
        raise CredentialsError(f"FIRSTHAND_PORT is {port!r}; set it to a number from 1 to 65535, such as 8734")
    return f"http://127.0.0.1:{int(port)}"


def describe_key(api_key: str | None, given: bool) -> str:
    """Return the source of a key and its id, for a message: `the key of FIRSTHAND_API_KEY, id 0123456789ab`.

    `given` is true if the key was passed as an argument. Without a key, the result is an empty text.
    """
    if not api_key:
        return ""
    if given:
        origin = "the given key"
    else:
        environment = os.environ.get("FIRSTHAND_API_KEY") == api_key
        origin = (
            "the key of FIRSTHAND_API_KEY"
            if environment
            else "the key that `firsthand serve` or `firsthand login` stored"
        )
    prefix, _, id_and_secret = api_key.partition("_")
    id_, secret_follows, _ = id_and_secret.partition("_")
    return f"{origin}, id {id_}" if prefix == "fh" and secret_follows else origin
