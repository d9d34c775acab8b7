"""`firsthand snapshot`: all verdicts in a few bytes an item, to be asked without network."""

from pathlib import Path
from typing import Annotated, Literal

import typer
from pydantic import BaseModel

from firsthand.cli import options, output, session
from firsthand.core.verdicts import PolicyName
from firsthand.schemas.models import OriginCounts
from firsthand.schemas.snapshots import Bits, Snapshot
from firsthand.snapshots import Snapshot as Opened
from firsthand.snapshots import verdict_codes

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")


class Known(BaseModel):
    """A snapshot as it is told of: its manifest without the shards, and what follows from its form."""

    id: str
    position: int
    policy: PolicyName
    bits: Bits
    counts: OriginCounts
    bytes: int
    #: The probability that an item which nobody registered is given a verdict, and the verdict human.
    false_verdicts: float
    false_humans: float


@app.command()
def create(
    bits: Annotated[
        Literal["12", "28"],
        typer.Option(help="Of a fingerprint: 12 take 2.3 bytes an item; 28 take twice that, and are believed."),
    ] = "12",
    policy: options.Policy = "strict",
    as_of: options.AsOf = None,
    json: options.Json = False,
) -> None:
    """Have the registry build a snapshot, for everybody to pull. Needs an administrator's key.

    ```
    firsthand snapshot create
    firsthand snapshot create --bits 28 --as-of 1000
    ```
    """
    with session.work() as client, output.progress("building"):
        _tell(client.create_snapshot(policy, 28 if bits == "28" else 12, as_of), json)


@app.command()
def list(json: options.Json = False) -> None:
    """List the registry's snapshots, that of the highest position first.

    ```
    firsthand snapshot list
    ```
    """
    with session.ask() as client:
        columns = {
            "snapshot": lambda s: s.id,
            "position": lambda s: s.position,
            "policy": lambda s: s.policy,
            "bits": lambda s: s.bits,
            "items": lambda s: s.counts.total,
            "bytes": lambda s: s.bytes,
        }
        output.listing(client.snapshots(), columns, json)


@app.command()
def pull(
    out: Annotated[
        Path,
        typer.Option("--out", help="The folder to fill or renew.", metavar="DIR", show_default=False),
    ],
    snapshot: Annotated[
        str | None,
        typer.Argument(metavar="SNAPSHOT", help="Its id; the newest if none is given.", show_default=False),
    ] = None,
    json: options.Json = False,
) -> None:
    """Download a snapshot. One that broke off is just run again, and goes on.

    The folder appears, or changes, when all files are whole and are what the manifest says.

    ```
    firsthand snapshot pull --out snapshot/
    firsthand check crawl/ --snapshot snapshot/
    ```
    """
    with session.work() as client, output.progress("pulling") as advance:
        known = client.pull_snapshot(out, snapshot, advance)
    _tell(known, json)
    if not json:
        output.say(f"ask it with: firsthand check PATH --snapshot {out}")


@app.command()
def show(
    snapshot: Annotated[
        str, typer.Argument(metavar="SNAPSHOT", help="Its id, or the folder it was pulled into.", show_default=False)
    ],
    json: options.Json = False,
) -> None:
    """Show what a snapshot holds; of a folder, every file is compared with the manifest first.

    ```
    firsthand snapshot show snapshot/
    ```
    """
    if Path(snapshot).is_dir():
        return _tell(Opened.open(snapshot).manifest, json)
    with session.ask() as client:
        _tell(client.snapshot(snapshot), json)


def _tell(known: Snapshot, as_json: bool) -> None:
    said = Known(
        **known.model_dump(exclude={"shards", "form", "digest", "statement"}),
        bytes=known.bytes,
        false_verdicts=verdict_codes.false_verdicts(known.bits),
        false_humans=verdict_codes.false_humans(known.bits),
    )
    if as_json:
        return output.record(said, as_json)
    items = output.count(known.items, "item")
    output.say(f"snapshot {known.id}: {items} at position {known.position:,}, policy {known.policy}")
    counts = known.counts
    output.say(f"  {counts.human:,} human, {counts.model:,} model, {counts.contested:,} contested")
    output.say(f"  {known.bytes:,} bytes, fingerprints of {known.bits} bits")
    one_in = round(1 / said.false_verdicts)
    output.say(f"  of items that nobody registered, one in {one_in:,} is given a verdict all the same")
