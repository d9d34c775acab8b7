"""The registry that a command asks."""

from pathlib import Path

import typer

from firsthand.checking.lookup_source import Doubts, Question
from firsthand.cli import output
from firsthand.client import Client
from firsthand.core.verdicts import PolicyName
from firsthand.snapshots import manifest

#: Retries of a command with a question or two: that no registry is there is said within a second or so.
_FEW = 2
#: Of long work, which outlives a registry's restart.
_MANY = 6


def ask() -> Client:
    """For a question or two."""
    return Client(retries=_FEW)


def work() -> Client:
    """For long work."""
    return Client(retries=_MANY)


def question(
    policy: PolicyName, as_of: int | None, snapshot: Path | None, confirm: bool, *, long: bool = False
) -> Question:
    """What a gate asks, of a registry or a snapshot, its position fixed now; usage errors where it makes no sense."""
    retries = _MANY if long else _FEW
    if snapshot is not None:
        return Question(policy, _position_of(snapshot, policy, as_of), snapshot, confirm, retries)
    if confirm:
        raise typer.BadParameter("--confirm goes with --snapshot: a registry's own answers need no confirming")
    if as_of is not None:
        return Question(policy, as_of, retries=retries)
    with Client(retries=retries) as client:
        return Question(policy, client.position(), retries=retries)


def _position_of(folder: Path, policy: PolicyName, as_of: int | None) -> int:
    """The position of the snapshot in a folder, where it was built for this question."""
    known = manifest.load(folder)
    if known.policy != policy:
        raise typer.BadParameter(f"the snapshot judges by {known.policy}: say --policy {known.policy}")
    if as_of not in (None, known.position):
        raise typer.BadParameter(f"the snapshot is of position {known.position}, and no other can be asked of it")
    return known.position


def tell_doubts(doubts: Doubts, snapshot: Path) -> None:
    """How far the answers of a snapshot are to be believed, in words."""
    bits = manifest.load(snapshot).bits
    output.say(f"asked a snapshot with fingerprints of {bits} bits: expect {doubts.expected:.2g} false verdicts")
    if doubts.unconfirmed:
        looks = output.count(doubts.unconfirmed, "look-up")
        output.say(f"{looks} said human and are counted as unknown, for {bits} bits are no proof: say --confirm")
    if doubts.confirmed:
        output.say(f"{output.count(doubts.confirmed, 'look-up')} said human; the registry was asked of each")
