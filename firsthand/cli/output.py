"""How the commands speak: answers on standard output, all else (errors, progress, remarks) on standard error."""

import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeVar

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

#: Exit statuses. Typer itself gives 2 for a command line that cannot be understood.
FAILED = 1
REFUSED = 3
STOPPED = 130

STATUSES = (
    "Exit statuses: 0 all well, 1 an error, 2 a command line that cannot be understood, 3 the gate said no "
    "(`check`: too much may be synthetic; `mix diff`: the recipe holds no more), 130 stopped by Ctrl-C."
)

EVERY_DAY = "Every day"
RESOURCES = "Resources: a noun and a verb"

Row = TypeVar("Row", bound=BaseModel)

#: Where no terminal gives a width, nothing is wrapped: what reads a pipe reads lines.
_NO_TERMINAL = 10_000


def console(*, stderr: bool = False) -> Console:
    """A console on the stream as it is now; it wraps lines at a terminal's width, and nowhere else."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else _NO_TERMINAL, highlight=False)


def error(message: str) -> None:
    console(stderr=True).print(f"[bold red]Error:[/] {escape(message)}")


def remark(message: str) -> None:
    """Something beside the answer that a person may want to know."""
    console(stderr=True).print(escape(message), style="dim")


def say(message: str) -> None:
    """A plain line of the answer."""
    typer.echo(message)


def count(number: int, noun: str) -> str:
    """`1 item`, `2,000 items`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def record(answer: BaseModel, as_json: bool) -> None:
    """One answer: its fields, or a JSON object."""
    if as_json:
        typer.echo(answer.model_dump_json())
        return
    grid = Table.grid(padding=(0, 2))
    for name, value in answer.model_dump(mode="json").items():
        grid.add_row(f"[bold]{escape(name.replace('_', ' '))}[/]", escape(_text(value)))
    console().print(grid)


def listing(rows: Iterable[Row], columns: Mapping[str, Callable[[Row], Any]], as_json: bool) -> None:
    """Many answers: a table, or a JSON object a line as they come."""
    if as_json:
        for row in rows:
            typer.echo(row.model_dump_json())
        return
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(escape(_text(column(row))) for column in columns.values()))
    console().print(table)


@contextmanager
def progress(what: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """A bar on standard error while the block runs; call what it gives with the number done since. Terminals only.

    It shows how many a second, and where the total is known how long the rest may take.
    """
    done = TextColumn("{task.completed:,.0f}" if total is None else "{task.completed:,.0f} of {task.total:,.0f}")
    columns = [SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), done, Rate(), TimeElapsedColumn()]
    if total is not None:
        columns += [TextColumn("left"), TimeRemainingColumn()]
    shown = console(stderr=True)
    with Progress(*columns, console=shown, transient=True, disable=not shown.is_terminal) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.advance(task, done)


class Rate(ProgressColumn):
    """Done a second: of late, and from the beginning before there is a late."""

    def render(self, task: Task) -> Text:
        mean = task.completed / task.elapsed if task.elapsed else 0.0
        return Text(f"{task.finished_speed or task.speed or mean:,.0f}/s")


def _text(value: Any) -> str:
    match value:
        case None:
            return "–"
        case bool():
            return "yes" if value else "no"
        case int():
            return f"{value:,}"
        case str():
            return value
        case list() if all(isinstance(entry, str) for entry in value):
            return ", ".join(value)
        case _:
            return json.dumps(value, ensure_ascii=False)
