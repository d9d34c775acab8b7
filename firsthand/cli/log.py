"""`firsthand log`: all statements, in the order in which they were recorded."""

from itertools import islice
from typing import Annotated

import typer

from firsthand.cli import options, output, session

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")


@app.command("list")
def list_(
    after: Annotated[
        int, typer.Option(help="List only statements after this position of the log, such as 1200.", min=0)
    ] = 0,
    limit: Annotated[
        int | None,
        typer.Option(help="The largest number of statements to list, such as 20.", min=1, show_default="all"),
    ] = None,
    json: options.Json = False,
) -> None:
    """List statements in the order of their positions.

    ```
    firsthand log list --limit 20
    firsthand log list --after 1200 --json
    ```
    """
    with session.short_client() as client:
        columns = {
            "position": lambda s: s.position,
            "kind": lambda s: s.kind,
            "organization": lambda s: s.organization,
            "recorded": lambda s: s.recorded_at.isoformat(),
            "digest": lambda s: s.digest[:23] + "…",
        }
        output.listing(islice(client.statements(after), limit), columns, json)


@app.command()
def show(
    position: Annotated[
        int, typer.Argument(help="The position of the statement in the log, such as 12.", min=1, show_default=False)
    ],
    json: options.Json = False,
) -> None:
    """Show the complete statement at a position.

    ```
    firsthand log show 12
    ```
    """
    with session.short_client() as client:
        output.record(client.statement(position), json, verbatim=["body"])
