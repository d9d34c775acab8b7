"""`firsthand login`: store the address and key of a registry."""

import sys
from typing import Annotated

import typer
from pydantic import BaseModel

from firsthand.cli import options, output
from firsthand.client import Client
from firsthand.http import credentials


class Login(BaseModel):
    """The values that were stored, without the key, and the path of the file: the output of `--json`."""

    organization: str
    url: str
    kept_in: str


def login(
    url: Annotated[
        str,
        typer.Argument(
            help="The address of the registry, such as https://registry.example.org.", metavar="URL", show_default=False
        ),
    ],
    api_key: Annotated[
        str | None,
        typer.Option(
            help="The API key, such as fh_… as `key create` prints it. Without this option, the command prompts for"
            " the key in a terminal; otherwise it reads the key from standard input.",
            envvar="FIRSTHAND_API_KEY",
            show_default=False,
        ),
    ] = None,
    default: Annotated[
        bool,
        typer.Option(
            help="Use this registry in all commands from now on, unless FIRSTHAND_URL is"
            " set. With --no-default, only store the key of the registry."
        ),
    ] = True,
    json: options.Json = False,
) -> None:
    """Store the address and key of a registry for all other commands.

    The command first tests the key, then stores it in a file that only you can read. FIRSTHAND_URL and
    FIRSTHAND_API_KEY have precedence over stored values.

    ```
    firsthand login https://registry.example.org
    firsthand login http://127.0.0.1:8734 < key.txt
    ```
    """
    key = (api_key or _prompt()).strip()
    if not key:
        raise typer.BadParameter(
            "standard input is empty; write the key to standard input, or use --api-key", param_hint="API key"
        )
    with Client(url, key, retries=2) as client:
        organization = client.whoami().organization
    file = credentials.store(url, organization, key, default=default)
    stored = Login(organization=organization, url=credentials.normalize(url), kept_in=str(file))
    if json:
        output.record(stored, json)
    else:
        output.say(f"Logged in to {stored.url} as {stored.organization}. The key is stored in {stored.kept_in}")


def _prompt() -> str:
    return str(typer.prompt("API key", hide_input=True)) if sys.stdin.isatty() else sys.stdin.readline()
