"""`firsthand register`: say where files and rows come from."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Annotated
from uuid import uuid4

import typer
from pydantic import BaseModel

from firsthand import sources
from firsthand.cli import options, output, session
from firsthand.client import Client
from firsthand.digests import Profile
from firsthand.errors import ContentError, NotFound
from firsthand.items import Item
from firsthand.schemas.registrations import Evidence, Registered
from firsthand.sources import Source
from firsthand.verdicts import Origin


class Report(BaseModel):
    """What a register did, over all its registrations."""

    dataset: str
    origin: Origin
    model: str | None
    generation: int | None
    items: int
    new: int
    known: int
    registrations: list[int]


def register(
    paths: options.Paths,
    dataset: options.DatasetOption,
    human: Annotated[bool, typer.Option("--human", help="People made them.")] = False,
    model: options.ModelOption = None,
    unstated: Annotated[
        bool, typer.Option("--unstated", help="Say only that they are in the dataset: a crawl, say.")
    ] = False,
    field: options.Field = "text",
    whole: options.Whole = False,
    evidence: Annotated[
        Evidence, typer.Option(help="Why to believe it; `generator` where your organization runs the model.")
    ] = "declared",
    collected_at: Annotated[
        datetime | None,
        typer.Option(
            parser=options.usage(options.moment),
            metavar="DATE",
            help="When they were collected or made: a date, or a time with its zone.",
            show_default=False,
        ),
    ] = None,
    sizes: Annotated[
        bool, typer.Option("--sizes", help="Register the bytes of each item too, for mixes of `--unit size`.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Register anew what was registered by the same words and then withdrawn.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Say where items come from: people, a model, or unstated.

    Contents are hashed here, and only digests are sent. Running the same command again adds nothing, so one that
    broke off is just run again.

    ```
    firsthand dataset create acme/letters
    firsthand register letters/ --dataset acme/letters --human
    firsthand register answers.jsonl --field answer --dataset acme/answers --model acme/writer@1
    ```
    """
    origin = _origin(human, model, unstated)
    found = sources.find(paths, whole=whole)
    with session.work() as client, output.progress("registering") as advance:
        profile = _profile(client, dataset, found)
        registered = client.register(
            dataset,
            _items(sources.batches(found, field)),
            origin=origin,
            model=model,
            evidence=evidence,
            collected_at=collected_at,
            profile=profile,
            sizes="bytes" if sizes else None,
            occasion=uuid4().hex if again else "",
            progress=advance,
        )
    _tell(_report(dataset, origin, model, registered), json)


def _origin(human: bool, model: str | None, unstated: bool) -> Origin:
    given: dict[Origin, bool] = {"human": human, "model": model is not None, "unstated": unstated}
    said = [origin for origin in given if given[origin]]
    if len(said) != 1:
        raise typer.BadParameter("say one of --human, --model ORG/NAME@VERSION and --unstated")
    return said[0]


def _profile(client: Client, dataset: str, found: Sequence[Source]) -> Profile:
    """The dataset's digest profile; where there is no such dataset, how to create the one that suits these files."""
    try:
        return client.dataset(dataset).profile
    except NotFound:
        suits = "text-1" if all(source.table for source in found) else "bytes-1"
        raise ContentError(
            f"there is no dataset {dataset} yet; create it with: firsthand dataset create {dataset} --profile {suits}"
        ) from None


def _items(batches: Iterable[sources.Batch]) -> Iterator[Item]:
    for batch in batches:
        yield from batch.items


def _report(dataset: str, origin: Origin, model: str | None, registered: Sequence[Registered]) -> Report:
    return Report(
        dataset=dataset,
        origin=origin,
        model=model,
        generation=registered[-1].generation if registered else None,
        items=sum(r.items for r in registered),
        new=sum(r.new for r in registered),
        known=sum(r.known for r in registered),
        registrations=[r.id for r in registered],
    )


def _tell(report: Report, as_json: bool) -> None:
    if as_json:
        return output.record(report, as_json)
    by = {"human": "made by people", "model": f"the output of {report.model}", "unstated": "of unstated origin"}
    items = output.count(report.items, "item")
    output.say(f"{items} in {report.dataset}, {by[report.origin]}: {report.new:,} new, {report.known:,} known")
    if report.registrations:
        output.say(f"registration {', '.join(map(str, report.registrations))}")
