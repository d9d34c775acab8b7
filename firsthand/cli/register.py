"""`firsthand register`: register the origin of files and rows."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer
from pydantic import BaseModel

from firsthand.cli import options, output, session
from firsthand.core.verdicts import Origin
from firsthand.errors import ContentError, NotFound
from firsthand.files.inputs import REGISTER_BATCH
from firsthand.schemas.registrations import Evidence, Registered

if TYPE_CHECKING:
    from firsthand.files.register_batches import RegisterBatch


class RegisterReport(BaseModel):
    """The result of the command, summed over all its registrations: the output of `--json`."""

    dataset: str
    origin: Origin
    model: str | None
    generation: int | None
    items: int
    new: int
    known: int
    registrations: list[int]


@dataclass(frozen=True)
class CollectedAt:
    """The value of `--collected-at`. `at` is None if the value is `none`."""

    at: datetime | None

    @classmethod
    def parse(cls, text: str) -> "CollectedAt":
        """Parse a date, a time with its zone, or `none`. Raises ValueError."""
        return cls(None if text == "none" else options.moment(text))


def register(
    paths: options.Paths,
    dataset: options.DatasetOption,
    human: Annotated[bool, typer.Option("--human", help="The origin of the items is human.")] = False,
    model: options.ModelOption = None,
    unstated: Annotated[
        bool,
        typer.Option(
            "--unstated",
            help="State only that the items are in the dataset, without their origin. Use this for a crawl.",
        ),
    ] = False,
    field: options.Field = "text",
    whole: options.Whole = False,
    digests: Annotated[
        bool,
        typer.Option(
            "--digests",
            help="The field (see --field) holds SHA-256 digests instead of contents: 64 hexadecimal digits or 32"
            " bytes.",
        ),
    ] = False,
    evidence: Annotated[
        Evidence,
        typer.Option(
            help="The reason to believe the origin. generator: your organization runs the model. c2pa: a"
            " signed manifest. capture: recorded by a device. declared: only your statement. detector: the guess of a"
            " classifier."
        ),
    ] = "declared",
    collected_at: Annotated[
        CollectedAt | None,
        typer.Option(
            parser=options.usage(CollectedAt.parse),
            metavar="DATE",
            help="When the items were collected or made: a date such as 2026-01-31, a time with its zone, or none."
            " Default: the modification time of the file, or none if the file is older than the model. Set this option"
            " for files that grow or are copied: if their time changes, the same items are registered again.",
            show_default=False,
        ),
    ] = None,
    sizes: Annotated[
        bool,
        typer.Option("--sizes", help="Also register the size of each item in bytes. Mixes with --unit size need it."),
    ] = False,
    again: Annotated[
        bool,
        typer.Option(
            "--again",
            help="Register the items again if they were registered with the same arguments and then withdrawn.",
        ),
    ] = False,
    json: options.Json = False,
) -> None:
    """Register the origin of items: human (--human), a model (--model) or unstated (--unstated).

    Contents are hashed on this machine, and only digests are sent. If you repeat the command on the same files, nothing
    is added. If `register` is interrupted, run it again: it resumes.

    ```
    firsthand dataset create acme/letters
    firsthand register letters/ --dataset acme/letters --human
    firsthand register answers.jsonl --field answer --dataset acme/answers --model acme/writer@1
    firsthand register crawl/ --field sha256 --digests --dataset acme/crawl --unstated
    ```
    """
    # These modules import pyarrow; all other commands start without it.
    from firsthand.files import containers, discover, register_batches

    origin = _origin(human, model, unstated)
    if digests and (sizes or whole):
        raise typer.BadParameter(
            "--digests cannot be used with --sizes or --whole, because digests are not contents. Omit --sizes and"
            " --whole"
        )
    files = discover.find(paths, whole=whole)
    for remark in () if whole else containers.remarks(files):
        output.remark(remark)
    with (
        _interruption_in_words() as registered_items,
        session.long_client() as client,
        output.progress("registering", register_batches.estimate_items(files)) as advance,
    ):
        try:
            profile = client.dataset(dataset).profile
        except NotFound:
            suitable = "text-1" if all(file.row_format for file in files) else "bytes-1"
            raise ContentError(
                f"the dataset {dataset} does not exist; create it with:"
                f" firsthand dataset create {dataset} --profile {suitable}"
            ) from None

        def note(items: int) -> None:
            registered_items.append(items)
            advance(items)

        register_items = partial(
            client.register,
            dataset,
            origin=origin,
            model=model,
            evidence=evidence,
            profile=profile,
            sizes="bytes" if sizes else None,
            batch=REGISTER_BATCH,
            occasion=uuid4().hex if again else "",
            progress=note,
        )
        served_from = client.model(model).served_from if model else None
        registrations: list[Registered] = []
        for batch in register_batches.split(files):
            items = batch.digests(field) if digests else batch.items(field, profile)
            time = collected_at.at if collected_at else _time_of_files(batch, served_from)
            registrations += register_items(items, collected_at=time)
    report = RegisterReport(
        dataset=dataset,
        origin=origin,
        model=model,
        generation=registrations[-1].generation if registrations else None,
        items=sum(registration.items for registration in registrations),
        new=sum(registration.new for registration in registrations),
        known=sum(registration.known for registration in registrations),
        registrations=[registration.id for registration in registrations],
    )
    _print(report, json)


@contextmanager
def _interruption_in_words() -> Iterator[list[int]]:
    """Yield a list, to which the caller adds the numbers of registered items.

    After Ctrl-C, print their sum, and end the command.
    """
    registered_items: list[int] = []
    try:
        yield registered_items
    except KeyboardInterrupt:
        output.error(
            f"stopped after registering at least {output.count(sum(registered_items), 'item')}. Run the same command"
            " again to resume; nothing is registered twice."
        )
        raise typer.Exit(output.STOPPED) from None


def _time_of_files(batch: "RegisterBatch", served_from: datetime | None) -> datetime | None:
    """Return when the files were last changed, as an estimate of when their items were collected.

    The registry refuses items that were collected before their model was first served. An estimate must not cause this
    refusal: if the files are older than the model (`served_from`), return None.
    """
    changed = batch.last_changed()
    return None if changed is None or (served_from and changed < served_from) else changed


def _origin(human: bool, model: str | None, unstated: bool) -> Origin:
    given: dict[Origin, bool] = {"human": human, "model": model is not None, "unstated": unstated}
    origins = [origin for origin in given if given[origin]]
    if len(origins) != 1:
        raise typer.BadParameter("use exactly one of --human, --model ORG/NAME@VERSION and --unstated")
    return origins[0]


def _print(report: RegisterReport, as_json: bool) -> None:
    if as_json:
        return output.record(report, as_json)
    makers = {"human": "of human origin", "model": f"the output of {report.model}", "unstated": "of unstated origin"}
    items = output.count(report.items, "item")
    output.say(f"{items} in {report.dataset}, {makers[report.origin]}: {report.new:,} new, {report.known:,} known")
    if len(report.registrations) > 10:
        first, last = min(report.registrations), max(report.registrations)
        output.say(f"{len(report.registrations):,} registrations, from {first} to {last}")
    elif report.registrations:
        output.say(f"registration {', '.join(map(str, report.registrations))}")
