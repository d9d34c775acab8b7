"""`firsthand registration`: what was said of items, taken back or contested."""

from typing import Annotated

import typer

from firsthand.cli import options, output, session
from firsthand.core.digests import Digests, from_texts

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")

Id = Annotated[int, typer.Argument(help="Its position in the log.", min=1, metavar="REGISTRATION", show_default=False)]
Reason = Annotated[str, typer.Option(help="Why, in a line; it stands in the log.")]
Named = Annotated[
    list[str] | None,
    typer.Option(
        "--digest",
        help="Of this item alone, sha256:<hex>; may be given again. Without it, of all.",
        metavar="DIGEST",
        show_default=False,
    ),
]


@app.command()
def show(registration: Id, json: options.Json = False) -> None:
    """Show a registration, and what was said of it since.

    ```
    firsthand registration show 12
    ```
    """
    with session.ask() as client:
        output.record(client.registration(registration), json)


@app.command()
def withdraw(
    registration: Annotated[
        int,
        typer.Argument(
            help="The position of a registration of your own, or of your dispute.",
            min=1,
            metavar="STATEMENT",
            show_default=False,
        ),
    ],
    digest: Named = None,
    reason: Reason = "",
    json: options.Json = False,
) -> None:
    """Take back your own registration, whole or of some items, or your own dispute. It stays in the log.

    ```
    firsthand registration withdraw 12 --reason "registered by mistake"
    ```
    """
    with session.ask() as client:
        output.record(client.withdraw(registration, _digests(digest), reason), json)


@app.command()
def dispute(registration: Id, digest: Named = None, reason: Reason = "", json: options.Json = False) -> None:
    """Contest a registration of another's: while the dispute stands, its items are contested.

    ```
    firsthand registration dispute 12 --reason "our model wrote these"
    ```
    """
    with session.ask() as client:
        output.record(client.dispute(registration, _digests(digest), reason), json)


def _digests(texts: list[str] | None) -> Digests | None:
    return options.usage(from_texts, "--digest")(texts) if texts else None
