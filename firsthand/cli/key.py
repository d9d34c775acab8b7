"""`firsthand key`: the keys of organizations."""

import os
from datetime import UTC, datetime, timedelta
from typing import Annotated, TypeAlias, get_args

import typer

from firsthand.cli import options, output, session
from firsthand.http import credentials
from firsthand.schemas.organizations import IssuedKey, Key, Scope

SCOPES: tuple[Scope, ...] = get_args(Scope)

_STORE_NOW = "Store the key now: the registry keeps only its hash, and cannot show it again."

Expires: TypeAlias = Annotated[
    datetime | None,
    typer.Option(
        parser=options.usage(options.later_moment),
        metavar="TIME",
        help="When the key expires: a duration with its unit (s, m, h or d) such as 90d, a date, or a time with its"
        " zone.",
        show_default=False,
    ),
]

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")


@app.command()
def create(
    organization: Annotated[
        str,
        typer.Argument(
            help="The organization that gets the key, such as acme.",
            parser=options.usage(options.not_empty),
            show_default=False,
        ),
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
    ] = ["read", "write"],  # noqa: B006 - typer copies the list
    expires: Expires = None,
    json: options.Json = False,
    key_only: options.KeyOnly = False,
) -> None:
    """Create a key and print it. The key cannot be shown again.

    Needs a key with the scope admin or operator. With admin, you can create keys for your own organization, with scopes
    that your own key has. With operator, you can create keys for all organizations, with all scopes.

    ```
    firsthand key create acme --name "nightly pipeline" --scope read --scope write --expires 90d
    key=$(firsthand key create acme --key-only)
    ```
    """
    scopes = options.choices(scope, SCOPES, "--scope")
    with session.short_client() as client:
        _print_key(client.create_key(organization, name, scopes, expires), json, key_only)
    output.remark(_STORE_NOW)


def _print_key(issued: IssuedKey, as_json: bool, key_only: bool) -> None:
    if key_only:
        return output.say(issued.key)
    output.record(issued, as_json)


@app.command("list")
def list_(json: options.Json = False) -> None:
    """List the keys of your organization, without their secrets. Needs a key with the scope admin.

    With the scope operator, it lists the keys of all organizations. The registry notes the use of a key at most once
    per hour, and stores it within about a minute: the last use can be up to an hour later than shown.

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
            "expires": _expiry,
            "last used": lambda k: k.last_used_at and k.last_used_at.isoformat(),
            "revoked": lambda k: k.revoked_at and k.revoked_at.isoformat(),
            "name": lambda k: k.name,
        }
        output.listing(client.keys(), columns, json)


def _expiry(key: Key) -> str | None:
    if key.expires_at is None:
        return None
    return key.expires_at.isoformat() + (" (expired)" if key.expires_at <= datetime.now(UTC) else "")


@app.command()
def rotate(
    id: Annotated[
        str | None,
        typer.Argument(
            help="The id of the key, as `key list` shows it. Default: the key that this command uses.",
            parser=options.id_of("key"),
            show_default=False,
        ),
    ] = None,
    overlap: Annotated[
        timedelta,
        typer.Option(
            parser=options.usage(options.duration),
            metavar="DURATION",
            help="How long the old key stays valid: a number and its unit (s, m, h or d), such as 24h; at most 30d."
            " 0s ends it at once.",
        ),
    ] = "24h",  # type: ignore[assignment]  # typer passes the text to the parser
    expires: Expires = None,
    json: options.Json = False,
    key_only: options.KeyOnly = False,
) -> None:
    """Replace a key by a new key, and print the new key. Both keys are valid for the overlap.

    Then the old key expires.

    The new key has the organization, the name and the scopes of the old key. By default, it is valid for as long as the
    old key was valid from its creation. If `firsthand login` has stored the old key, the new key is stored instead of
    it. Needs a key with the scope admin. For a key of another organization, it needs the scope operator.

    ```
    firsthand key rotate 3f9c2a01b7de
    firsthand key rotate --overlap 7d
    ```
    """
    with session.short_client() as client:
        current = client.whoami()
        rotated = client.rotate_key(id or current.id, overlap, expires)
        _print_key(rotated, json, key_only)
        if rotated.replaces == current.id and credentials.replace(client.url, current.id, rotated.key):
            output.remark(f"The new key is stored in {credentials.path()}. It replaces the old key there.")
        else:
            output.remark(_STORE_NOW)
    if rotated.replaces == current.id and os.environ.get("FIRSTHAND_API_KEY"):
        output.remark("FIRSTHAND_API_KEY still holds the old key; set it to the new key.")


@app.command()
def revoke(
    id: Annotated[
        str,
        typer.Argument(
            help="The id of the key, as `key list` shows it: 12 hexadecimal digits, such as 3f9c2a01b7de.",
            parser=options.id_of("key"),
            show_default=False,
        ),
    ],
    json: options.Json = False,
) -> None:
    """Revoke a key: the registry refuses it from now on.

    Needs a key with the scope admin. For a key of another organization, it needs the scope operator.

    ```
    firsthand key revoke 3f9c2a01b7de
    ```
    """
    with session.short_client() as client:
        output.record(client.revoke_key(id), json)
