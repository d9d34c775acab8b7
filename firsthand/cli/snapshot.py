"""`firsthand snapshot`: downloadable files for look-ups without a network."""

from pathlib import Path
from typing import Annotated, Literal

import typer
from pydantic import BaseModel

from firsthand.cli import options, output, session
from firsthand.core.verdicts import PolicyName
from firsthand.schemas.models import OriginCounts
from firsthand.schemas.snapshots import Bits, Snapshot
from firsthand.snapshots import Snapshot as DownloadedSnapshot
from firsthand.snapshots import verdict_codes

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")


class SnapshotDescription(BaseModel):
    """A snapshot as it is printed: its manifest without the shards, and its rates of wrong verdicts."""

    id: str
    position: int
    policy: PolicyName
    bits: Bits
    counts: OriginCounts
    bytes: int
    #: The probability that an unregistered item gets the verdict human, model or contested.
    false_verdicts: float
    #: The probability that an unregistered item gets the verdict human.
    false_humans: float


@app.command()
def create(
    bits: Annotated[
        Literal["28", "12"],
        typer.Option(
            help="Bits per fingerprint, such as 12. 28: about 4.5 bytes per item; the verdict human can be used"
            " directly. 12: half the size; the verdict human needs --confirm in `check` and `filter`."
        ),
    ] = "28",
    policy: options.Policy = "strict",
    as_of: options.AsOf = None,
    json: options.Json = False,
    id_only: Annotated[
        bool, typer.Option("--id-only", help="Print only the id, for a variable of a script. Instead of --json.")
    ] = False,
) -> None:
    """Build a snapshot in the registry. Then it can be downloaded. Needs a key with the scope operator.

    ```
    firsthand snapshot create
    firsthand snapshot create --bits 12 --as-of 1000
    id=$(firsthand snapshot create --id-only)
    ```
    """
    with session.long_client() as client, output.progress("building"):
        built = client.create_snapshot(policy, 12 if bits == "12" else 28, as_of)
    if id_only:
        return output.say(built.id)
    _print(built, json)


@app.command()
def list(json: options.Json = False) -> None:
    """List the snapshots of the registry. The snapshot with the highest position is first.

    ```
    firsthand snapshot list
    ```
    """
    with session.short_client() as client:
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
        typer.Option(
            "--out",
            help="The folder for the snapshot, such as snapshot/. An older snapshot in it is replaced.",
            metavar="DIR",
            show_default=False,
        ),
    ],
    snapshot: Annotated[
        str | None,
        typer.Argument(
            metavar="SNAPSHOT",
            parser=options.id_of("snapshot"),
            help="The id of the snapshot, as `snapshot list` shows it. Default: the newest.",
            show_default=False,
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """Download a snapshot. If the download stops, run the same command again: it resumes.

    The folder changes only when all files are complete and match the manifest.

    ```
    firsthand snapshot pull --out snapshot/
    firsthand check crawl/ --snapshot snapshot/
    ```
    """
    with session.long_client() as client, output.progress("downloading") as advance:
        manifest = client.pull_snapshot(out, snapshot, advance)
    _print(manifest, json)
    if not json:
        output.say(f"use it with: firsthand check PATH --snapshot {out}")


@app.command()
def show(
    snapshot: Annotated[
        str,
        typer.Argument(
            metavar="SNAPSHOT",
            parser=options.usage(options.not_empty),
            help="The id of a snapshot, as `snapshot list` shows it, or the folder of a downloaded"
            " snapshot, such as snapshot/.",
            show_default=False,
        ),
    ],
    json: options.Json = False,
) -> None:
    """Show the counts, size and error rate of a snapshot. For a folder, compare every file with the manifest first.

    ```
    firsthand snapshot show snapshot/
    ```
    """
    if Path(snapshot).is_dir():
        return _print(DownloadedSnapshot.open(snapshot).manifest, json)
    with session.short_client() as client:
        _print(client.snapshot(snapshot), json)


def _print(manifest: Snapshot, as_json: bool) -> None:
    stored = [shard.codes for shard in manifest.shards]
    description = SnapshotDescription(
        **manifest.model_dump(exclude={"shards", "form", "digest", "statement"}),
        bytes=manifest.bytes,
        false_verdicts=verdict_codes.false_verdicts(manifest.bits, stored),
        false_humans=verdict_codes.false_humans(manifest.bits, stored),
    )
    if as_json:
        return output.record(description, as_json)
    items = output.count(manifest.items, "item")
    output.say(f"snapshot {manifest.id}: {items} at position {manifest.position:,}, policy {manifest.policy}")
    counts = manifest.counts
    output.say(f"  {counts.human:,} human, {counts.model:,} model, {counts.contested:,} contested")
    output.say(f"  {manifest.bytes:,} bytes, fingerprints of {manifest.bits} bits")
    rate = (
        f"about 1 in {1 / description.false_verdicts:,.0f} unregistered items"
        if description.false_verdicts
        else "no unregistered item"
    )
    output.say(f"  {rate} gets a wrong verdict")
