"""Output of the commands: answers on standard output; errors, progress and remarks on standard error."""

import json
import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
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

#: Exit statuses. Typer itself uses 2 for a wrong command line.
FAILED = 1
REFUSED = 3
STOPPED = 130

STATUSES = (
    "Exit statuses: 0 success, 1 an error, 2 a wrong command line, 3 the condition is not met (`check`: the share of "
    "synthetic items can be too high; `mix diff`: the recipe no longer holds), 130 stopped with Ctrl-C."
)

EVERY_DAY = "Every day"
RESOURCES = "Resources"

Row = TypeVar("Row", bound=BaseModel)

#: The width without a terminal. No line is so long, so no line is wrapped: programs read a pipe line by line.
_NO_TERMINAL = 10_000


def console(*, stderr: bool = False) -> Console:
    """Return a console for standard output or standard error. It wraps lines only if the stream is a terminal."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else _NO_TERMINAL, highlight=False)


def error(message: str) -> None:
    """Print an error on standard error."""
    console(stderr=True).print(f"[bold red]Error:[/] {escape(message)}")


def remark(message: str) -> None:
    """Print a remark for the user on standard error, in addition to the answer."""
    console(stderr=True).print(escape(message), style="dim")


def say(message: str) -> None:
    """Print a line of the answer on standard output."""
    typer.echo(message)


def coloured(text: str, colour: str) -> str:
    """Return a text in a colour, or unchanged if NO_COLOR is set."""
    return text if os.environ.get("NO_COLOR") else typer.style(text, fg=colour)


def count(number: int, noun: str) -> str:
    """Return a number with its noun: `1 item`, `2,000 items`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def record(answer: BaseModel, as_json: bool, verbatim: Collection[str] = ()) -> None:
    """Print one answer of the registry: as a JSON object if `as_json`, otherwise as a list of its fields.

    In the list, the values of the fields named in `verbatim` are JSON.
    """
    if as_json:
        typer.echo(answer.model_dump_json())
        return
    grid = Table.grid(padding=(0, 2))
    for name, value in answer.model_dump(mode="json").items():
        grid.add_row(
            f"[bold]{escape(name.replace('_', ' '))}[/]",
            escape(json.dumps(value, ensure_ascii=False) if name in verbatim else _text(value)),
        )
    console().print(grid)


def listing(rows: Iterable[Row], columns: Mapping[str, Callable[[Row], Any]], as_json: bool) -> None:
    """Print a list of answers of the registry.

    They are a table with `columns`; or, if `as_json`, one JSON object per line, each printed when it arrives.
    """
    if as_json:
        for row in rows:
            typer.echo(row.model_dump_json())
        return
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(escape(_text(column(row))) for column in columns.values()))
    console().print(table)


@contextmanager
def progress(activity: str, total: int | None = None) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on standard error, if it is a terminal. Yield a function that adds finished items to the bar.

    The bar shows the items per second and, if the total is known, the remaining time.
    """
    done = TextColumn("{task.completed:,.0f}" if total is None else "{task.completed:,.0f} of {task.total:,.0f}")
    columns = [SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), done, RateColumn(), TimeElapsedColumn()]
    if total is not None:
        columns += [TextColumn("remaining"), TimeRemainingColumn()]
    shown = console(stderr=True)
    with Progress(*columns, console=shown, transient=True, disable=not shown.is_terminal) as bar:
        task = bar.add_task(activity, total=total)
        yield lambda done: bar.advance(task, done)


class RateColumn(ProgressColumn):
    """A column with the items per second: the recent rate, or the mean rate if there is no recent one."""

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
        case dict():
            named = {name.replace("_", " "): _nested(entry) for name, entry in value.items() if entry is not None}
            return ", ".join(f"{name} {text}" for name, text in named.items()) or "–"
        case list():
            return ("; " if any(isinstance(entry, dict) for entry in value) else ", ").join(map(_text, value)) or "–"
        case _:
            return str(value)


def _nested(value: Any) -> str:
    if isinstance(value, dict) and value:
        return "(" + ", ".join(f"{name}: {_text(entry)}" for name, entry in value.items()) + ")"
    return f"({_text(value)})" if isinstance(value, list) and value else _text(value)
