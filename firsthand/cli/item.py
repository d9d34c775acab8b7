"""`firsthand item`: the claims on one item."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Literal

import typer

from firsthand.cli import options, output, session
from firsthand.client import Client
from firsthand.core.control_characters import escape_controls
from firsthand.core.digests import from_text
from firsthand.files.inputs import both_profiles
from firsthand.schemas.base import Response
from firsthand.schemas.items import Claim, Item

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")

#: The number of withdrawals and disputes whose reason is downloaded. Each needs one request.
_MOST_CORRECTIONS = 20


class Correction(Response):
    """A withdrawal or a dispute of a claim on the item: who made it, and why."""

    kind: Literal["withdrawal", "dispute"]
    position: int
    registration: int
    organization: str
    reason: str


class ShownItem(Item):
    """The item, with the withdrawals and disputes of its claims: the output of `--json`."""

    corrections: list[Correction]


@app.command()
def show(
    item: Annotated[
        str,
        typer.Argument(
            help="A file, such as crawl/page-17.html; a row, such as answers.jsonl:3, as `firsthand check --items`"
            " prints it; or the digest of an item, sha256:<hex>.",
            metavar="FILE|FILE:ROW|DIGEST",
            show_default=False,
        ),
    ],
    field: options.Field = "text",
    policy: options.Policy = "strict",
    as_of: options.AsOf = None,
    json: options.Json = False,
) -> None:
    """Show the verdict on an item and all claims on it. Also show the withdrawals and disputes of these claims.

    A text can have two digests, one per digest profile. Then the claims on both are shown. Each withdrawal or dispute
    is shown with its organization and its reason.

    ```
    firsthand item show crawl/page-17.html
    firsthand item show answers.jsonl:3 --field answer
    firsthand item show sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    ```
    """
    digests = _digests(item, field)
    with session.short_client() as client:
        for known in [client.item(digest, policy, as_of) for digest in dict.fromkeys(digests)]:
            corrections = list(_corrections(client, known.claims))
            if json:
                output.json_line(ShownItem(**known.model_dump(), corrections=corrections))
            else:
                _print(known, corrections)


def _digests(item: str, field: str) -> tuple[bytes, ...]:
    """Return the digests of a file or row under both profiles. If `item` is a digest, return only this digest."""
    if not Path(item).is_file():
        with suppress(ValueError):
            return (from_text(item),)
    from firsthand.files import named_item  # imports pyarrow; digests are shown without it

    content = named_item.read(item, field)
    if content is None:
        raise typer.BadParameter(
            f"{item!r} is not a file, a row of a file or a digest. Use the path of a file, a row such as "
            "answers.jsonl:3, or sha256: and 64 hexadecimal digits",
            param_hint="FILE|FILE:ROW|DIGEST",
        )
    return both_profiles(content)


def _corrections(client: Client, claims: Sequence[Claim]) -> Iterator[Correction]:
    """Yield the withdrawals and disputes of these claims, in the order of the claims, up to `_MOST_CORRECTIONS`."""
    positions: list[tuple[Literal["withdrawal", "dispute"], int, int]] = []
    for claim in claims:
        positions += [("dispute", position, claim.registration) for position in claim.disputes]
        if claim.withdrawn is not None:
            positions.append(("withdrawal", claim.withdrawn, claim.registration))
    for kind, position, registration in positions[:_MOST_CORRECTIONS]:
        statement = client.statement(position)
        yield Correction(
            kind=kind,
            position=position,
            registration=registration,
            organization=statement.organization,
            reason=str(statement.body.get("reason") or ""),
        )


def _print(item: Item, corrections: Sequence[Correction]) -> None:
    output.say(f"{item.digest}: {item.verdict}, position {item.position:,}{_why(item)}")
    if not item.claims:
        return
    output.listing(
        item.claims,
        {
            "registration": lambda claim: claim.registration,
            "organization": lambda claim: claim.organization,
            "dataset": lambda claim: claim.dataset,
            "origin": lambda claim: claim.model or claim.origin,
            "evidence": lambda claim: claim.evidence,
            "collected": lambda claim: claim.collected_at and claim.collected_at.date().isoformat(),
            "registered": lambda claim: claim.registered_at.date().isoformat(),
            "": _state,
        },
        as_json=False,
    )
    for correction in corrections:
        verb = "disputed" if correction.kind == "dispute" else "withdrawn"
        reason = f": {escape_controls(correction.reason)}" if correction.reason else ", without a reason"
        output.say(
            f"registration {correction.registration} was {verb} by {escape_controls(correction.organization)} at"
            f" position {correction.position:,}{reason}"
        )
    total = sum(len(claim.disputes) + (claim.withdrawn is not None) for claim in item.claims)
    if total > len(corrections):
        output.say(f"and {total - len(corrections):,} more; show each with: firsthand log show POSITION")


def _why(item: Item) -> str:
    """Return why the verdict is contested, in words. Return an empty text for other verdicts."""
    if item.verdict != "contested":
        return ""
    standing = [claim for claim in item.claims if claim.withdrawn is None]
    reasons = []
    if {"human", "model"} <= {claim.origin for claim in standing}:
        reasons.append("claims say human and model")
    if any(claim.disputes for claim in standing):
        reasons.append("a claim is disputed")
    return f", because {' and '.join(reasons)}" if reasons else ""


def _state(claim: Claim) -> str:
    if claim.withdrawn is not None:
        return f"withdrawn at position {claim.withdrawn:,}"
    return f"disputed at position {', '.join(map(str, claim.disputes))}" if claim.disputes else ""
