"""`firsthand login`: keep a registry's address and key for the commands to come."""

import sys
from typing import Annotated

import typer
from pydantic import BaseModel

from firsthand.cli import options, output
from firsthand.client import Client
from firsthand.http import credentials


class Login(BaseModel):
    """What is kept, and where; never the key."""

    organization: str
    url: str
    kept_in: str


def login(
    url: Annotated[str, typer.Argument(help="The registry's address.", metavar="URL", show_default=False)],
    api_key: Annotated[
        str | None,
        typer.Option(
            help="The key; asked for, or read from standard input, when it is not given.",
            envvar="FIRSTHAND_API_KEY",
            show_default=False,
        ),
    ] = None,
    default: Annotated[bool, typer.Option(help="Whether commands use this registry from now on.")] = True,
    json: options.Json = False,
) -> None:
    """Keep a registry's address and key, so that the other commands find them.

    The key is tried first, then kept in a file that only you can read. FIRSTHAND_URL and FIRSTHAND_API_KEY come
    before what is kept.

    ```
    firsthand login https://registry.example.org
    firsthand login http://127.0.0.1:8734 < key.txt
    ```
    """
    key = (api_key or _ask()).strip()
    if not key:
        raise typer.BadParameter("there is none on standard input", param_hint="the key")
    with Client(url, key, retries=2) as client:
        organization = client.whoami().organization
    kept = credentials.store(url, organization, key, default=default)
    told = Login(organization=organization, url=credentials.normalize(url), kept_in=str(kept))
    if json:
        output.record(told, json)
    else:
        output.say(f"You are {told.organization} at {told.url}; kept in {told.kept_in}")


def _ask() -> str:
    return str(typer.prompt("API key", hide_input=True)) if sys.stdin.isatty() else sys.stdin.readline()
