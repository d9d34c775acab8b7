"""The commands, put together."""

from importlib.metadata import version
from typing import Annotated

import typer

from firsthand.cli import dataset, item, key, log, mix, model, organization, output, registration, snapshot
from firsthand.cli.check import check
from firsthand.cli.commands import Commands
from firsthand.cli.filter import filter
from firsthand.cli.login import login
from firsthand.cli.register import register

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_show_locals=False,
    epilog=output.STATUSES,
    context_settings={"help_option_names": ["-h", "--help"]},
)

for verb in (login, register, check, filter):
    app.command(rich_help_panel=output.EVERY_DAY, epilog=output.STATUSES)(verb)

for name, resource, help in (
    ("dataset", dataset.app, "Named, growing collections of items."),
    ("model", model.app, "Models, what each was trained on, and its generation."),
    ("item", item.app, "All that is known of one item, and who says so."),
    ("registration", registration.app, "What was said of items, taken back or contested."),
    ("mix", mix.app, "Training sets drawn by a recipe."),
    ("snapshot", snapshot.app, "All verdicts in a few bytes an item, to be asked without network."),
    ("log", log.app, "Every statement, in order."),
    ("organization", organization.app, "Who speaks."),
    ("key", key.app, "What an organization speaks with."),
):
    app.add_typer(resource, name=name, help=help, rich_help_panel=output.RESOURCES)


def _print_version(asked: bool) -> None:
    if asked:
        output.say(f"firsthand {version('firsthand')}")
        raise typer.Exit


@app.callback()
def firsthand(
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """The registry that knows which training data is firsthand.

    Which registry is asked: FIRSTHAND_URL and FIRSTHAND_API_KEY, else what `firsthand login URL` kept, else
    http://127.0.0.1:8734, where `firsthand serve` answers.

    ```
    firsthand serve
    firsthand dataset create local/letters
    firsthand register letters/ --dataset local/letters --human
    firsthand check crawl/ --max-synthetic 0.1
    ```
    """


def main() -> None:
    """The command `firsthand`."""
    app(prog_name="firsthand")
