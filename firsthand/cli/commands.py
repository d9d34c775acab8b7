"""The group at the top: commands of other packages, loaded only when asked for, and errors told in words.

`serve`, `migrate` and `simulate` are entry points of the group `firsthand.commands`. Their help in the list of
commands stands here, so that listing, completing and every other command import nothing of them.
"""

from importlib.metadata import entry_points
from typing import Any

import typer
from pydantic import ValidationError
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from firsthand.cli import output
from firsthand.errors import FirsthandError
from firsthand.mixes.recipe_text import explain

GROUP = "firsthand.commands"

ELSEWHERE = {
    "serve": "Run a registry: an embedded database in a folder, or PostgreSQL.",
    "migrate": "Bring a registry's database to this version.",
    "simulate": "Train generation after generation on a registry's mixes, and see what becomes of them.",
}

#: The order in which commands are listed: those of every day, then a resource each.
ORDER = ("login", "serve", "migrate", "register", "check", "filter", "simulate")


class Commands(TyperGroup):
    """See the module. Contexts and commands are typer's own, whose types it does not export."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        for name, help in ELSEWHERE.items():
            self.add_command(TyperCommand(name, help=help, rich_help_panel=output.EVERY_DAY), name)

    def list_commands(self, ctx: Any) -> list[str]:
        return [*ORDER, *(name for name in self.commands if name not in ORDER)]

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        name, command, rest = super().resolve_command(ctx, args)
        return name, load(name) if name in ELSEWHERE else command, rest

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise  # who reads has read enough (`| head`): typer ends without a word
        except (FirsthandError, OSError) as error:
            output.error(str(error))
        except ValidationError as error:
            output.error(explain(error))
        raise typer.Exit(output.FAILED)


def load(name: str) -> Any:
    """The command that another package gives under this name. Raises FirsthandError that says how to get it."""
    found = next(iter(entry_points(group=GROUP, name=name)), None)
    if found is None:
        raise FirsthandError(_absent(name, "this installation does not know it"))
    try:
        command = get_command(found.load())
    except ModuleNotFoundError as error:
        raise FirsthandError(_absent(name, f"there is no module {error.name}")) from None
    # Completion is installed for `firsthand` as a whole.
    command.params = [p for p in command.params if p.name not in ("install_completion", "show_completion")]
    return command


def _absent(name: str, why: str) -> str:
    extra = "simulator" if name == "simulate" else "service"
    return (
        f"`firsthand {name}` is not part of the wheel alone ({why}).\n"
        f"It runs from a clone of the repository: there, pip install -e '.[{extra}]'."
    )
