"""The connection of a command to its registry, and the source of its look-ups."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from firsthand.checking.lookup_source import LookupSource, RegistrySource, SnapshotConfidence, SnapshotSource
from firsthand.cli import output
from firsthand.client import Client
from firsthand.core.verdicts import PolicyName
from firsthand.snapshots import manifest

if TYPE_CHECKING:
    from firsthand.checking.read_errors import ReadError

#: Retries of a short command. If no registry answers, it reports this after about a second.
_SHORT = 2
#: Retries of a long command. It continues if the registry restarts.
_LONG = 6
#: Rows and files that a command names if they cannot be read.
_MOST_ERRORS_SHOWN = 5


def short_client() -> Client:
    """Return the client of a command with few requests."""
    return Client(retries=_SHORT)


def long_client() -> Client:
    """Return the client of a command that runs long."""
    return Client(retries=_LONG)


def lookup_source(
    policy: PolicyName, as_of: int | None, snapshot: Path | None, confirm: bool, *, long: bool = False
) -> tuple[LookupSource, int]:
    """Return the source of verdicts, and the position of the log that all its look-ups use.

    Raises a usage error if options exclude each other.
    """
    retries = _LONG if long else _SHORT
    if snapshot is not None:
        loaded = manifest.load(snapshot)
        if loaded.policy != policy:
            raise typer.BadParameter(f"the snapshot uses the policy {loaded.policy}; use --policy {loaded.policy}")
        if as_of not in (None, loaded.position):
            raise typer.BadParameter(f"the snapshot has the position {loaded.position}; omit --as-of")
        return SnapshotSource(snapshot, Client(retries=retries) if confirm else None), loaded.position
    if confirm:
        raise typer.BadParameter(
            "--confirm can only be used with --snapshot: without a snapshot, all answers come from the registry"
        )
    if as_of is None:
        with Client(retries=retries) as client:
            as_of = client.position()
    return RegistrySource(Client(retries=retries), policy, as_of), as_of


def print_confidence(confidence: SnapshotConfidence, snapshot: Path) -> None:
    """Print how reliable the answers of a snapshot were."""
    bits = manifest.load(snapshot).bits
    output.say(
        f"the snapshot has fingerprints of {bits} bits: expect {confidence.expected:.2g} wrong verdicts on unregistered"
        " items"
    )
    if confidence.unconfirmed:
        lookups = output.count(confidence.unconfirmed, "look-up")
        output.say(
            f"counted as unknown: {lookups} with the verdict human, since {bits} bits are not certain enough; use"
            " --confirm to look them up in the registry"
        )
    if confidence.confirmed:
        lookups = output.count(confidence.confirmed, "look-up")
        output.say(f"checked by the registry: {lookups} with the verdict human")


def print_read_errors(
    rows: int, files: int, first: "Sequence[ReadError]", errors: Path | None, consequence: str
) -> None:
    """Print how many rows and files could not be read, what follows from it, and the first of each file."""
    if not rows and not files:
        return
    counts = [output.count(number, noun) for number, noun in ((rows, "row"), (files, "file")) if number]
    output.say(f"could not be read: {' and '.join(counts)}; {consequence}")
    if files:
        output.say("  a file counts as one item, because the number of items in it is not known")
    of_each_file = {error.file: error for error in reversed(first)}
    shown = list(reversed(of_each_file.values()))[:_MOST_ERRORS_SHOWN]
    for error in shown:
        output.say(f"  {error}")
    if rows + files > len(shown):
        remaining = f"  and {rows + files - len(shown):,} more"
        output.say(f"{remaining}; use --errors FILE to get all" if errors is None else f"{remaining}, in {errors}")
