"""The command `firsthand` with all its subcommands."""

import sys
from contextlib import suppress
from importlib.metadata import version
from typing import Annotated

import typer

from firsthand.cli import dataset, item, key, log, mix, model, organization, output, registration, snapshot, spool
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
    ("dataset", dataset.app, "Named collections of items."),
    ("model", model.app, "Models: their training data and their generation."),
    ("item", item.app, "The claims on one item: its origin, and the organizations that claim it."),
    ("registration", registration.app, "Show, withdraw or dispute a registration."),
    ("mix", mix.app, "Training sets that a recipe selects from the registry."),
    ("snapshot", snapshot.app, "Downloadable files for look-ups without a network."),
    ("spool", spool.app, "Items that recorders have not registered yet."),
    ("log", log.app, "All statements, in the order in which they were recorded."),
    ("organization", organization.app, "Organizations, which have keys and make statements."),
    ("key", key.app, "The keys of organizations."),
):
    app.add_typer(resource, name=name, help=help, rich_help_panel=output.RESOURCES)


def _print_version(requested: bool) -> None:
    if requested:
        output.say(f"firsthand {version('firsthand')}")
        raise typer.Exit


@app.callback()
def firsthand(
    _version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    """Record the origin of training data, and look it up: human, or a model and its generation.

    Commands use the registry of FIRSTHAND_URL and FIRSTHAND_API_KEY. If these are not set, they use the registry that
    `firsthand login URL` stored. If none is stored, they use http://127.0.0.1:8734, the address of `firsthand serve`.
    FIRSTHAND_PORT selects another port of this machine, for `firsthand serve` and for all commands.

    ```
    firsthand serve
    firsthand dataset create local/letters
    firsthand register letters/ --dataset local/letters --human
    firsthand check crawl/ --max-synthetic 0.1
    ```
    """


def main() -> None:
    """Run the command `firsthand`."""
    output.prepare_streams()
    try:
        app(prog_name="firsthand")
    except OSError as error:  # while `--help` is printed; `Commands` prints the errors of commands
        with suppress(OSError):
            output.error(str(error))
        sys.exit(output.FAILED)
    finally:
        output.finish_streams()
