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

#: The number of retries of a short command. If the registry does not answer, the command fails after about a second.
_SHORT = 2
#: The number of retries of a long command. It continues after a restart of the registry.
_LONG = 6
#: The number of rows and files that a command names if they cannot be read.
_MOST_ERRORS_SHOWN = 5


def short_client() -> Client:
    """Return the client for a command with few requests."""
    return Client(retries=_SHORT)


def long_client() -> Client:
    """Return the client for a command with many requests, or one long request."""
    return Client(retries=_LONG)


def lookup_source(
    policy: PolicyName, as_of: int | None, snapshot: Path | None, confirm: bool, *, long: bool = False
) -> tuple[LookupSource, int]:
    """Return the source of verdicts, and the position of the log that is used for all look-ups.

    Raises a usage error if options contradict each other. `long` is true for a command with many look-ups.
    """
    retries = _LONG if long else _SHORT
    if snapshot is not None:
        loaded = manifest.load(snapshot)
        if loaded.policy != policy:
            raise typer.BadParameter(f"the snapshot uses the policy {loaded.policy}; use --policy {loaded.policy}")
        if as_of not in (None, loaded.position):
            raise typer.BadParameter(
                f"the snapshot has the position {loaded.position} and cannot use another one; omit --as-of"
            )
        return SnapshotSource(snapshot, Client(retries=retries) if confirm else None), loaded.position
    if confirm:
        raise typer.BadParameter(
            "--confirm has an effect only with --snapshot: without a snapshot, all answers come from the registry;"
            " omit --confirm"
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
            f"counted as unknown: {lookups} with the verdict human, because {bits} bits are not certain enough; use"
            " --confirm to look them up in the registry"
        )
    if confidence.confirmed:
        lookups = output.count(confidence.confirmed, "look-up")
        output.say(f"checked by the registry: {lookups} with the verdict human")


def print_read_errors(
    rows: int, files: int, first: "Sequence[ReadError]", errors: Path | None, consequence: str
) -> None:
    """Print how many rows and files could not be read, the consequence, and the first error of each file."""
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
