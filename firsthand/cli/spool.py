"""`firsthand spool`: the items that recorders have not registered yet."""

from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel

from firsthand.cli import output
from firsthand.errors import InvalidArgument
from firsthand.http import credentials

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")

SpoolFolder = Annotated[
    Path | None,
    typer.Option(
        "--spool",
        help="The folder of the spool, such as /var/spool/firsthand. Default: the folder for this registry in"
        " FIRSTHAND_SPOOL_DIR or, if it is not set, in the user's data folder.",
        metavar="DIR",
        exists=True,
        file_okay=False,
        show_default=False,
    ),
]


class Dropped(BaseModel):
    """The number of segments and items that were removed: the output of `--json`."""

    segments: int
    items: int


@app.command("list")
def list_(
    spool: SpoolFolder = None,
    json: Annotated[
        bool, typer.Option("--json", help="Print JSON. A list is printed as JSON Lines: one object per line.")
    ] = False,
) -> None:
    """List the segments in a spool: files with items that a Recorder has stored and that are not registered yet.

    The state of a segment is `waiting` (the next recorder on the folder sends it), `in use` (a running recorder uses
    it) or `refused` (the registry refused it; the reason is shown). The state `not a segment` is that of other files,
    which are ignored.

    ```
    firsthand spool list
    firsthand spool list --spool /var/spool/firsthand --json
    ```
    """
    from firsthand.spool import contents  # it needs the file locks of POSIX

    columns = {
        "segment": lambda file: file.segment,
        "state": lambda file: file.state,
        "items": lambda file: file.items,
        "dataset": lambda file: file.dataset,
        "model": lambda file: file.model,
        "day": lambda file: file.day and file.day.isoformat(),
        "reason": lambda file: file.reason,
    }
    output.listing(contents.list_files(_folder(spool)), columns, json)


@app.command()
def drop(
    segment: Annotated[
        list[str] | None,
        typer.Argument(
            help="The names of segments, as `spool list` shows them.", metavar="SEGMENT", show_default=False
        ),
    ] = None,
    refused: Annotated[bool, typer.Option("--refused", help="Remove all segments with the state refused.")] = False,
    spool: SpoolFolder = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Remove segments from a spool. Their items are then never registered.

    ```
    firsthand spool drop 01790000000000000000-recorder-k3x9
    firsthand spool drop --refused
    ```
    """
    from firsthand.spool import contents  # it needs the file locks of POSIX

    names = set(segment or [])
    if bool(names) == refused:
        raise typer.BadParameter("use either the names of segments, or --refused, and not both")
    folder = _folder(spool)
    if missing := names - {file.segment for file in contents.list_files(folder)}:
        raise InvalidArgument(
            f"there is no segment {', '.join(sorted(missing))} in {folder}; list them with: firsthand spool list"
        )
    removed = contents.drop(folder, lambda file: file.state == "refused" if refused else file.segment in names)
    dropped = Dropped(segments=len(removed), items=sum(file.items for file in removed))
    if json:
        return output.record(dropped, json)
    output.say(f"{output.count(dropped.segments, 'segment')} removed, with {output.count(dropped.items, 'item')}")


def _folder(given: Path | None) -> Path:
    """Return `given`, or by default the folder of the spool for the configured registry."""
    from firsthand.recorder import default_folder  # it needs the file locks of POSIX

    return given or default_folder(credentials.resolve()[0])
