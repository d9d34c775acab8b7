"""`firsthand registration`: show, withdraw or dispute a registration."""

from typing import Annotated

import typer

from firsthand.cli import options, output, session
from firsthand.core.digests import Digests, from_texts

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")

Id = Annotated[
    int,
    typer.Argument(
        help="The id of the registration, which is its position in the log, such as 12.",
        min=1,
        metavar="REGISTRATION",
        show_default=False,
    ),
]
Reason = Annotated[
    str,
    typer.Option(
        help="The reason, in one line, such as 'registered by mistake'. It is recorded in the log. Default: none."
    ),
]
Named = Annotated[
    list[str] | None,
    typer.Option(
        "--digest",
        help="Withdraw or dispute only the item with this digest, sha256:<hex>. Repeat the option for several items."
        " Default: all items.",
        metavar="DIGEST",
        show_default=False,
    ),
]


@app.command()
def show(registration: Id, json: options.Json = False) -> None:
    """Show a registration, and whether it was withdrawn or disputed.

    ```
    firsthand registration show 12
    ```
    """
    with session.short_client() as client:
        output.record(client.registration(registration), json)


@app.command()
def withdraw(
    registration: Annotated[
        int,
        typer.Argument(
            help="The position of your registration or dispute in the log, such as 12.",
            min=1,
            metavar="STATEMENT",
            show_default=False,
        ),
    ],
    digest: Named = None,
    reason: Reason = "",
    json: options.Json = False,
) -> None:
    """Withdraw your registration (completely or for some items) or your dispute.

    The log keeps the withdrawn statement.

    ```
    firsthand registration withdraw 12 --reason "registered by mistake"
    ```
    """
    with session.short_client() as client:
        output.record(client.withdraw(registration, _digests(digest), reason), json)


@app.command()
def dispute(registration: Id, digest: Named = None, reason: Reason = "", json: options.Json = False) -> None:
    """Dispute a registration of another organization. Its items are contested until the dispute is withdrawn.

    ```
    firsthand registration dispute 12 --reason "our model wrote these"
    ```
    """
    with session.short_client() as client:
        output.record(client.dispute(registration, _digests(digest), reason), json)


def _digests(texts: list[str] | None) -> Digests | None:
    return options.usage(from_texts, "--digest")(texts) if texts else None
