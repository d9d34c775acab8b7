"""`firsthand key`: the keys of organizations."""

import os
from datetime import datetime, timedelta
from typing import Annotated, TypeAlias, get_args

import typer

from firsthand.cli import options, output, session
from firsthand.http import credentials
from firsthand.schemas.organizations import Scope

SCOPES: tuple[Scope, ...] = get_args(Scope)

Expires: TypeAlias = Annotated[
    datetime | None,
    typer.Option(
        parser=options.usage(options.later_moment),
        metavar="TIME",
        help="When the key stops to be valid: a duration such as 90d, a date, or a time with its zone.",
        show_default=False,
    ),
]

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
            help="A permission of the key: read, write, admin (the keys of its organization) or operator (the"
            " registry). Repeat the option for several, such as --scope read --scope admin.",
            autocompletion=lambda: list(SCOPES),
            metavar="SCOPE",
        ),
    ] = ["read", "write"],  # noqa: B006 - typer reads it and copies
    expires: Expires = None,
    json: options.Json = False,
) -> None:
    """Create a key and print it. The key cannot be shown again.

    Needs a key with the scope admin, for its own organization and with scopes that it has itself; or with the scope
    operator, for any.

    ```
    firsthand key create acme --name "nightly pipeline" --scope read --scope write --expires 90d
    ```
    """
    scopes = options.choices(scope, SCOPES, "--scope")
    with session.short_client() as client:
        output.record(client.create_key(organization, name, scopes, expires), json)
    output.remark("Store the key now: the registry keeps only its hash, and cannot show it again.")


@app.command("list")
def list_(json: options.Json = False) -> None:
    """List the keys of your organization, without their secrets. Needs a key with the scope admin.

    With the scope operator, it lists the keys of all organizations. The last use is noted at most once per hour.

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
            "expires": lambda k: k.expires_at and k.expires_at.isoformat(),
            "last used": lambda k: k.last_used_at and k.last_used_at.isoformat(),
            "revoked": lambda k: k.revoked_at and k.revoked_at.isoformat(),
            "name": lambda k: k.name,
        }
        output.listing(client.keys(), columns, json)


@app.command()
def rotate(
    id: Annotated[
        str | None,
        typer.Argument(
            help="The id of the key, as `key list` shows it. Without it, the key that this command uses.",
            show_default=False,
        ),
    ] = None,
    overlap: Annotated[
        timedelta,
        typer.Option(
            parser=options.usage(options.duration),
            metavar="DURATION",
            help="How long the old key stays valid, such as 30m, 24h or 7d; at most 30d. 0s ends it at once.",
        ),
    ] = "24h",  # type: ignore[assignment]  # typer gives it to the parser
    expires: Expires = None,
    json: options.Json = False,
) -> None:
    """Replace a key by a new one, and print that. Both are valid for the overlap; then the old one expires.

    The new key has the organization, the name and the scopes of the old one, and lives as long as the old one was meant
    to. Needs a key with the scope admin, or for a key of another organization with the scope operator. If the old key
    is the one that `firsthand login` stored, the new one is stored in its place.

    ```
    firsthand key rotate 3f9c2a01b7de
    firsthand key rotate --overlap 7d
    ```
    """
    with session.short_client() as client:
        current = client.whoami()
        rotated = client.rotate_key(id or current.id, overlap, expires)
        output.record(rotated, json)
        if rotated.replaces == current.id and credentials.replace(client.url, current.id, rotated.key):
            output.remark(f"The new key is stored in {credentials.path()}, in place of the old one.")
    output.remark("Store the key now: the registry keeps only its hash, and cannot show it again.")
    if rotated.replaces == current.id and os.environ.get("FIRSTHAND_API_KEY"):
        output.remark("FIRSTHAND_API_KEY still holds the old key; set it to the new one.")


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
    """Revoke a key: the registry refuses it from now on.

    Needs a key with the scope admin, or for a key of another organization with the scope operator.

    ```
    firsthand key revoke 3f9c2a01b7de
    ```
    """
    with session.short_client() as client:
        output.record(client.revoke_key(id), json)
