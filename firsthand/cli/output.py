"""Output of the commands: answers on standard output; errors, progress and remarks on standard error.

`escape_controls` is applied to all texts, because other users choose titles, names and file names. In a value, a line
end is escaped too, so that it cannot look like another line of the answer.
"""

import codecs
import io
import json
import os
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import Any, TypeVar

import typer
from pydantic import BaseModel
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)
from rich.table import Table
from rich.text import Text

from firsthand.core.control_characters import escape_controls, escape_controls_in_json

#: Exit statuses. Typer itself uses 2 for a wrong command line.
FAILED = 1
REFUSED = 3
STOPPED = 130

STATUSES = (
    "Exit statuses: 0 success, 1 an error, 2 a wrong command line, 3 the condition is not met (`check`: the share of "
    "synthetic items is or can be too high; `mix diff`: the recipe no longer holds), 130 stopped with Ctrl-C."
)

EVERY_DAY = "Every day"
RESOURCES = "Resources"

Row = TypeVar("Row", bound=BaseModel)

#: The width if the output is not a terminal. It is larger than any line, so that no line is wrapped: programs read a
#: pipe line by line.
_NO_TERMINAL = 10_000

#: The only control character that is not escaped in messages, because some of our messages have several lines.
_LINE_END = "\n"

#: The name of the error handler of our output streams.
_AS_IN_JSON = "firsthand-as-in-json"


def prepare_streams() -> None:
    """Make standard input, output and error usable for every text, in whatever state the process was started.

    A closed stream is replaced with the null device, so that no file that is opened later gets its number. A character
    that the encoding of a stream does not have is written as `\\u2013`, which is also valid in JSON.
    """
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            stream = open(os.devnull, mode, encoding="utf-8")  # noqa: SIM115 - it stays open until the process ends
            if stream.fileno() != number:
                os.dup2(stream.fileno(), number)
            setattr(sys, name, stream)
    codecs.register_error(_AS_IN_JSON, _escape_as_in_json)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_AS_IN_JSON)


def finish_streams() -> None:
    """Flush standard output and error. If this fails, discard the rest, so that Python prints no traceback at exit."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):  # the reader has closed the pipe, or the disk is full
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _escape_as_in_json(error: UnicodeError) -> tuple[str, int]:
    r"""Return the characters that cannot be encoded as `\u2013`, those above U+FFFF as two, and the position after."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[n : n + 2].hex()}" for n in range(0, len(units), 2)), error.end


def console(*, stderr: bool = False) -> Console:
    """Return a console for standard output or standard error. It wraps lines only if the stream is a terminal."""
    stream = sys.stderr if stderr else sys.stdout
    return Console(stderr=stderr, width=None if stream.isatty() else _NO_TERMINAL, highlight=False, emoji=False)


def error(message: str) -> None:
    """Print an error on standard error."""
    console(stderr=True).print(f"[bold red]Error:[/] {escape(escape_controls(message, keep=_LINE_END))}")


def remark(message: str) -> None:
    """Print a remark for the user on standard error, in addition to the answer."""
    console(stderr=True).print(escape(escape_controls(message, keep=_LINE_END)), style="dim")


def say(message: str, lead: str = "") -> None:
    """Print a line of the answer on standard output.

    `lead`, such as a word in a colour, is printed before it, unescaped.
    """
    _print_line(lead + escape_controls(message, keep=_LINE_END))


def json_line(answer: BaseModel) -> None:
    """Print an answer as one line of JSON on standard output."""
    _print_line(escape_controls_in_json(answer.model_dump_json()))


def _print_line(line: str) -> None:
    # Without the argument `file`, typer.echo writes UTF-8 to a stream in ASCII.
    typer.echo(line, file=sys.stdout)


def coloured(text: str, colour: str) -> str:
    """Return a text in a colour, or unchanged if NO_COLOR is set."""
    return text if os.environ.get("NO_COLOR") else typer.style(text, fg=colour)


def count(number: int, noun: str) -> str:
    """Return a number with its noun: `1 item`, `2,000 items`."""
    return f"{number:,} {noun}" + ("" if number == 1 else "s")


def record(answer: BaseModel, as_json: bool, verbatim: Collection[str] = ()) -> None:
    """Print an answer of the registry: as a JSON object if `as_json`, otherwise as a list of its fields.

    In the list, the fields in `verbatim` are printed as JSON.
    """
    if as_json:
        return json_line(answer)
    grid = Table.grid(padding=(0, 2))
    for name, value in answer.model_dump(mode="json").items():
        grid.add_row(
            f"[bold]{escape(name.replace('_', ' '))}[/]",
            escape(escape_controls(json.dumps(value, ensure_ascii=False) if name in verbatim else _text(value))),
        )
    console().print(grid)


def listing(rows: Iterable[Row], columns: Mapping[str, Callable[[Row], Any]], as_json: bool) -> None:
    """Print a list of answers of the registry.

    If `as_json` is true, each answer is printed as one JSON object per line, when it arrives. Otherwise a table with
    `columns` is printed.
    """
    if as_json:
        for row in rows:
            json_line(row)
        return
    table = Table(*columns, box=None, pad_edge=False, header_style="bold")
    for row in rows:
        table.add_row(*(escape(escape_controls(_text(column(row)))) for column in columns.values()))
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
    with _bar(columns, shown=True) as bar:
        task = bar.add_task(activity, total=total)
        yield lambda done: bar.advance(task, done)


@contextmanager
def byte_progress(activity: str, total: int | None, shown: bool = True) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar of bytes on standard error, if it is a terminal and `shown` is true.

    Yield a function that adds bytes and items to the bar. The bar shows the bytes that were read, the total, the bytes
    per second, the number of items and, if the total is known, the remaining time.
    """
    columns = [SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn()]
    columns += [TextColumn("{task.fields[items]:,} items"), TimeElapsedColumn()]
    if total is not None:
        columns += [TextColumn("remaining"), TimeRemainingColumn()]
    with _bar(columns, shown) as bar:
        task = bar.add_task(activity, total=total, items=0)
        items = 0

        def advance(read_bytes: int, more_items: int) -> None:
            nonlocal items
            items += more_items
            bar.update(task, advance=read_bytes, items=items)

        yield advance


def _bar(columns: Sequence[ProgressColumn], shown: bool) -> Progress:
    """Return a progress bar on standard error. Standard output is not changed: it may be a pipe to another program."""
    terminal = console(stderr=True)
    disabled = not (shown and terminal.is_terminal)
    return Progress(*columns, console=terminal, transient=True, disable=disabled, redirect_stdout=False)


class RateColumn(ProgressColumn):
    """A column with the items per second: the recent rate if there is one, otherwise the mean rate."""

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
