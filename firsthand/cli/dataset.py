"""`firsthand dataset`: named, growing collections of items."""

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
            help="What a digest hashes: bytes-1 the exact bytes, for files; text-1 canonical text, for texts."
        ),
    ] = "bytes-1",
    title: Annotated[str, typer.Option(help="One line for people.")] = "",
    json: options.Json = False,
) -> None:
    """Create a dataset. The same again changes nothing; a dataset's profile never changes.

    ```
    firsthand dataset create acme/letters --profile text-1 --title "Letters to the editor"
    ```
    """
    with session.ask() as client:
        output.record(client.put_dataset(name, profile, title), json)


@app.command("list")
def list_(json: options.Json = False) -> None:
    """List all datasets.

    ```
    firsthand dataset list
    ```
    """
    with session.ask() as client:
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
    """Show one dataset.

    ```
    firsthand dataset show acme/letters
    ```
    """
    with session.ask() as client:
        output.record(client.dataset(name), json)
