"""`firsthand dataset`: named collections of items."""

from typing import Annotated

import typer

from firsthand.cli import options, output, session
from firsthand.core.digests import Profile

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")


@app.command()
def create(
    name: options.DatasetArgument,
    profile: Annotated[
        Profile,
        typer.Option(
            help="How items are hashed. bytes-1: the exact bytes, for files. text-1: the canonical text, so that texts"
            " that differ only in white space or line ends are the same item. Example: --profile text-1."
        ),
    ] = "bytes-1",
    title: Annotated[
        str, typer.Option(help="A description in one line, such as 'Letters to the editor'. Default: none.")
    ] = "",
    json: options.Json = False,
) -> None:
    """Create a dataset. If you repeat the command, nothing changes. The profile cannot be changed later.

    ```
    firsthand dataset create acme/letters --profile text-1 --title "Letters to the editor"
    ```
    """
    with session.short_client() as client:
        output.record(client.put_dataset(name, profile, title), json)


@app.command("list")
def list_(json: options.Json = False) -> None:
    """List all datasets, by name.

    ```
    firsthand dataset list
    ```
    """
    with session.short_client() as client:
        columns = {
            "name": lambda d: d.name,
            "profile": lambda d: d.profile,
            "registrations": lambda d: d.registrations,
            "claims": lambda d: d.claims,
            "title": lambda d: d.title,
        }
        output.listing(client.datasets(), columns, json)


@app.command()
def show(name: options.DatasetArgument, json: options.Json = False) -> None:
    """Show a dataset: its profile, and the number of its registrations and claims.

    ```
    firsthand dataset show acme/letters
    ```
    """
    with session.short_client() as client:
        output.record(client.dataset(name), json)
