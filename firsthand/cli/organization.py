"""`firsthand organization`: the parties that hold keys and make statements."""

from typing import Annotated

import typer

from firsthand.cli import options, output, session

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")


@app.command()
def create(
    name: Annotated[
        str,
        typer.Argument(help="The name of the organization: one word in lower case, such as acme.", show_default=False),
    ],
    title: Annotated[str, typer.Option(help="The full name, such as 'Acme Ltd'. Default: none.")] = "",
    json: options.Json = False,
) -> None:
    """Create an organization. Needs a key with the scope operator.

    ```
    firsthand organization create acme --title "Acme Ltd"
    ```
    """
    with session.short_client() as client:
        output.record(client.create_organization(name, title), json)


@app.command("list")
def list_(json: options.Json = False) -> None:
    """List all organizations, by name.

    ```
    firsthand organization list
    ```
    """
    with session.short_client() as client:
        columns = {"name": lambda o: o.name, "position": lambda o: o.position, "title": lambda o: o.title}
        output.listing(client.organizations(), columns, json)
