"""`firsthand key`: what an organization speaks with."""

from typing import Annotated, get_args

import typer

from firsthand.cli import options, output, session
from firsthand.schemas.organizations import Scope

SCOPES: tuple[Scope, ...] = get_args(Scope)

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")


@app.command()
def create(
    organization: Annotated[str, typer.Argument(help="Whose key it is.", show_default=False)],
    name: Annotated[str, typer.Option(help="What it is for.")] = "",
    scope: Annotated[
        list[str],
        typer.Option(
            help="What it may do: read, write, admin; may be given again.",
            autocompletion=lambda: list(SCOPES),
            metavar="SCOPE",
        ),
    ] = ["read", "write"],  # noqa: B006 - typer reads it and copies
    json: options.Json = False,
) -> None:
    """Create a key and show it, this once. Needs a key with the scope admin.

    ```
    firsthand key create acme --name "nightly pipeline" --scope read --scope write
    ```
    """
    with session.ask() as client:
        output.record(client.create_key(organization, name, options.choices(scope, SCOPES, "--scope")), json)
    output.remark("The key is shown this once; the registry keeps only its hash.")


@app.command("list")
def list_(json: options.Json = False) -> None:
    """List keys, never their secrets. Needs a key with the scope admin.

    ```
    firsthand key list
    ```
    """
    with session.ask() as client:
        columns = {
            "id": lambda k: k.id,
            "organization": lambda k: k.organization,
            "scopes": lambda k: k.scopes,
            "created": lambda k: k.created_at.isoformat(),
            "revoked": lambda k: k.revoked_at and k.revoked_at.isoformat(),
            "name": lambda k: k.name,
        }
        output.listing(client.keys(), columns, json)


@app.command()
def revoke(
    id: Annotated[str, typer.Argument(help="The key's id, as `key list` shows it.", show_default=False)],
    json: options.Json = False,
) -> None:
    """Revoke a key: it opens nothing from now on. Needs a key with the scope admin.

    ```
    firsthand key revoke 3f9c2a
    ```
    """
    with session.ask() as client:
        output.record(client.revoke_key(id), json)
