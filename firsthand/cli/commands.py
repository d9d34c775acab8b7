"""The top-level group of commands. It imports commands of other packages when they are called, and prints errors.

`serve`, `migrate` and `simulate` are entry points of the group `firsthand.commands`. Their short help texts are in this
module, so that the list of commands, the completion and all other commands do not import the other packages.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import entry_points
from typing import Any

import typer
from pydantic import ValidationError
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from firsthand.cli import output
from firsthand.core.control_characters import escape_controls
from firsthand.errors import FirsthandError
from firsthand.schemas.explain import explain

GROUP = "firsthand.commands"

#: The base class of usage errors, which typer does not export.
_USAGE_ERROR: Any = typer.BadParameter.__base__

ELSEWHERE = {
    "serve": "Run a registry, with an embedded database in a folder or with PostgreSQL.",
    "migrate": "Migrate the database of a registry to this version.",
    "simulate": "Train models on the output of models, over generations, and measure the result.",
}

#: The order of the first commands in the list. The resources come after them.
ORDER = ("login", "serve", "migrate", "register", "check", "filter", "simulate")


class Commands(TyperGroup):
    """The top-level group. Typer does not export the types of its contexts and commands, so they have the type Any."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for name, help in ELSEWHERE.items():
            self.add_command(TyperCommand(name, help=help, rich_help_panel=output.EVERY_DAY), name)

    def list_commands(self, ctx: Any) -> list[str]:
        return [*ORDER, *(name for name in self.commands if name not in ORDER)]

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, command, remaining = super().resolve_command(ctx, args)
        return name, load(name) if name in ELSEWHERE else command, remaining

    def make_context(self, *arguments: Any, **settings: Any) -> Any:
        with _printable_usage_errors():
            return super().make_context(*arguments, **settings)

    def invoke(self, ctx: Any) -> Any:
        try:
            with _printable_usage_errors():
                return super().invoke(ctx)
        except BrokenPipeError:
            raise  # the reader has closed the pipe (`| head`): typer ends without a message
        except (FirsthandError, OSError) as error:
            output.error(str(error))
        except ValidationError as error:
            output.error(explain(error))
        raise typer.Exit(output.FAILED)


@contextmanager
def _printable_usage_errors() -> Iterator[None]:
    """Escape control characters in the usage errors that typer prints, because they repeat the words of the user."""
    try:
        yield
    except _USAGE_ERROR as error:
        error.message = escape_controls(error.message, keep="\n")
        raise


def load(name: str) -> Any:
    """Import a command of another package.

    If this package is missing, raises FirsthandError, whose message has the command that installs it.
    """
    entry_point = next(iter(entry_points(group=GROUP, name=name)), None)
    if entry_point is None:
        raise FirsthandError(_absent(name, "no installed package provides it"))
    try:
        command = get_command(entry_point.load())
    except ModuleNotFoundError as error:
        raise FirsthandError(_absent(name, f"the module {error.name} is missing")) from None
    # Completion is installed for `firsthand`, not for one of its commands.
    command.params = [p for p in command.params if p.name not in ("install_completion", "show_completion")]
    return command


def _absent(name: str, reason: str) -> str:
    extra = "simulator" if name == "simulate" else "service"
    return (
        f"`firsthand {name}` is not installed ({reason}).\n"
        f"It is not part of the package `firsthand`. Clone the repository, and run there: pip install -e '.[{extra}]'"
    )
