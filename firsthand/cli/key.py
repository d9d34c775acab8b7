"""`firsthand key`: the keys of organizations."""

from typing import Annotated, get_args

import typer

from firsthand.cli import options, output, session
from firsthand.schemas.organizations import Scope

SCOPES: tuple[Scope, ...] = get_args(Scope)

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")


@app.command()
def create(
    organization: Annotated[
        str, typer.Argument(help="The organization that gets the key, such as acme.", show_default=False)
    ],
    name: Annotated[
        str, typer.Option(help="A note on the use of the key, such as 'nightly pipeline'. Default: none.")
    ] = "",
    scope: Annotated[
        list[str],
        typer.Option(
            help="A permission of the key: read, write or admin. Repeat the option for several, such as --scope read"
            " --scope admin.",
            autocompletion=lambda: list(SCOPES),
            metavar="SCOPE",
        ),
    ] = ["read", "write"],  # noqa: B006 - typer reads it and copies
    json: options.Json = False,
) -> None:
    """Create a key and print it. The key cannot be shown again. Needs a key with the scope admin.

    ```
    firsthand key create acme --name "nightly pipeline" --scope read --scope write
    ```
    """
    with session.short_client() as client:
        output.record(client.create_key(organization, name, options.choices(scope, SCOPES, "--scope")), json)
    output.remark("Store the key now: the registry keeps only its hash, and cannot show it again.")


@app.command("list")
def list_(json: options.Json = False) -> None:
    """List all keys, without their secrets. Needs a key with the scope admin.

    ```
    firsthand key list
    ```
    """
    with session.short_client() as client:
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
    id: Annotated[
        str,
        typer.Argument(
            help="The id of the key, as `key list` shows it: 12 hexadecimal digits, such as 3f9c2a01b7de.",
            show_default=False,
        ),
    ],
    json: options.Json = False,
) -> None:
    """Revoke a key: the registry refuses it from now on. Needs a key with the scope admin.

    ```
    firsthand key revoke 3f9c2a01b7de
    ```
    """
    with session.short_client() as client:
        output.record(client.revoke_key(id), json)
