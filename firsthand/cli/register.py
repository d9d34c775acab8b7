"""`firsthand register`: say where files and rows come from."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Annotated
from uuid import uuid4

import typer
from pydantic import BaseModel

from firsthand.cli import options, output, session
from firsthand.client import Client
from firsthand.core.digests import Profile
from firsthand.core.verdicts import Origin
from firsthand.errors import ContentError, NotFound
from firsthand.files import discover, register_batches
from firsthand.files.discover import Source
from firsthand.files.register_batches import Run
from firsthand.schemas.registrations import Evidence, Registered


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


@dataclass(frozen=True)
class Collected:
    """What `--collected-at` says; `none`, that nobody knows."""

    at: datetime | None

    @classmethod
    def parse(cls, text: str) -> "Collected":
        return cls(None if text == "none" else options.moment(text))


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
    digests: Annotated[
        bool,
        typer.Option(
            "--digests", help="Rows hold SHA-256 digests, 64 hexadecimal digits or 32 bytes, and no contents."
        ),
    ] = False,
    evidence: Annotated[
        Evidence, typer.Option(help="Why to believe it; `generator` where your organization runs the model.")
    ] = "declared",
    collected_at: Annotated[
        Collected | None,
        typer.Option(
            parser=options.usage(Collected.parse),
            metavar="DATE",
            help="When they were collected or made: a date, a time with its zone, or `none`. Nothing said, the time at "
            "which their file was last changed (none for a model's output from before the model was served). Say it "
            "of files that grow or are copied about: the same items with another time are registered once more.",
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

    Contents are hashed here, and only digests are sent. Running the same command on the same files again adds
    nothing, so one that was stopped (Ctrl-C, exit status 130) or broke off is just run again, and goes on.

    ```
    firsthand dataset create acme/letters
    firsthand register letters/ --dataset acme/letters --human
    firsthand register answers.jsonl --field answer --dataset acme/answers --model acme/writer@1
    firsthand register crawl/ --field sha256 --digests --dataset acme/crawl --unstated
    ```
    """
    origin = _origin(human, model, unstated)
    if digests and (sizes or whole):
        raise typer.BadParameter("--digests says that rows hold digests, which do not tell how large their items are")
    found = discover.find(paths, whole=whole)
    registered: list[Registered] = []
    with (
        _stopped_in_words() as stand,
        session.work() as client,
        output.progress("registering", register_batches.expected(found)) as advance,
    ):

        def note(items: int) -> None:
            stand.append(items)
            advance(items)

        say = partial(
            client.register,
            dataset,
            origin=origin,
            model=model,
            evidence=evidence,
            profile=_profile(client, dataset, found),
            sizes="bytes" if sizes else None,
            batch=register_batches.MOST,
            occasion=uuid4().hex if again else "",
            progress=note,
        )
        time_of = (lambda _: collected_at.at) if collected_at else OwnTime(client, model)
        for run in register_batches.of(found):
            items = run.digests(field) if digests else run.items(field)
            registered += say(items, collected_at=time_of(run))
    _tell(_report(dataset, origin, model, registered), json)


@contextmanager
def _stopped_in_words() -> Iterator[list[int]]:
    """Ctrl-C says what stands and how to go on; the items that do are entered in the list that this gives."""
    stand: list[int] = []
    try:
        yield stand
    except KeyboardInterrupt:
        output.error(
            f"stopped. Of this command, {output.count(sum(stand), 'item')} stand, if not more; run it again to go on: "
            "what stands is not registered twice."
        )
        raise typer.Exit(output.STOPPED) from None


class OwnTime:
    """When the items of a run were collected, where nobody says so: when their files were last changed.

    Nobody vouched for that time, so it refuses nothing: where it lies before the model was served, there is none.
    """

    def __init__(self, client: Client, model: str | None) -> None:
        self._served_from = client.model(model).served_from if model else None

    def __call__(self, run: Run) -> datetime | None:
        at = run.last_changed()
        return None if at is None or (self._served_from and at < self._served_from) else at


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
    if len(report.registrations) > 10:
        first, last = min(report.registrations), max(report.registrations)
        output.say(f"{len(report.registrations):,} registrations, from {first} to {last}")
    elif report.registrations:
        output.say(f"registration {', '.join(map(str, report.registrations))}")
