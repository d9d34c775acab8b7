"""`firsthand item`: the claims on one item."""

from pathlib import Path
from typing import Annotated

import typer

from firsthand.cli import options, output, session
from firsthand.core.digests import from_text
from firsthand.files.inputs import both_profiles
from firsthand.schemas.items import Claim, Item

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")


@app.command()
def show(
    item: Annotated[
        str,
        typer.Argument(
            help="A file, such as crawl/page-17.html, or the digest of an item, sha256:<hex>.",
            metavar="FILE|DIGEST",
            show_default=False,
        ),
    ],
    policy: options.Policy = "strict",
    as_of: options.AsOf = None,
    json: options.Json = False,
) -> None:
    """Show the verdict on an item, and the organization, origin, evidence and times of each claim on it.

    A text file can have two digests, one per digest profile. Then the claims on both are shown.

    ```
    firsthand item show crawl/page-17.html
    firsthand item show sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
    ```
    """
    digests = both_profiles(Path(item)) if Path(item).is_file() else (options.usage(from_text, "FILE|DIGEST")(item),)
    with session.short_client() as client:
        for item_with_claims in [client.item(digest, policy, as_of) for digest in dict.fromkeys(digests)]:
            _print(item_with_claims, json)


def _print(item: Item, as_json: bool) -> None:
    if as_json:
        return output.record(item, as_json)
    output.say(f"{item.digest}: {item.verdict}, position {item.position:,}")
    if item.claims:
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


def _state(claim: Claim) -> str:
    if claim.withdrawn is not None:
        return f"withdrawn at position {claim.withdrawn:,}"
    return f"disputed at position {', '.join(map(str, claim.disputes))}" if claim.disputes else ""
