"""`firsthand filter`: the part of one's own files that a mix or a verdict admits."""

from collections.abc import Callable, Iterable
from typing import Annotated

import numpy as np
import typer
from pydantic import BaseModel

from firsthand.checking import filter as filtering
from firsthand.checking.filter import ByMix, Written
from firsthand.checking.lookup_source import Doubts
from firsthand.cli import options, output, session
from firsthand.core.digests import SIZE
from firsthand.core.verdicts import VERDICTS
from firsthand.files import discover, locations


class Report(BaseModel):
    """What was read and written."""

    files: int
    items: int
    kept: int
    #: Items of the mix that are in none of the files; null without a mix.
    missing: int | None
    #: The position that verdicts were asked at; null for a mix, which has its own.
    position: int | None
    out: str


def filter(
    paths: options.Paths,
    out: Annotated[
        str, typer.Option("--out", help="The folder to write into, or its URL.", metavar="DIR", show_default=False)
    ],
    mix: Annotated[
        str | None,
        typer.Option(
            "--mix",
            help="Keep what this mix holds; an item that the mix repeats is written once.",
            metavar="MIX",
            show_default=False,
        ),
    ] = None,
    verdict: Annotated[
        list[str] | None,
        typer.Option(
            "--verdict",
            help="Keep items with this verdict: human, model, contested or unknown; may be given again.",
            autocompletion=lambda: list(VERDICTS),
            metavar="VERDICT",
            show_default=False,
        ),
    ] = None,
    field: options.Field = "text",
    whole: options.Whole = False,
    policy: options.Policy = "strict",
    as_of: options.AsOf = None,
    snapshot: options.SnapshotDir = None,
    confirm: options.Confirm = False,
    workers: options.Workers = 1,
    json: options.Json = False,
) -> None:
    """Write the part of your own files that a mix or a verdict admits.

    Files are copied; of JSONL, CSV, Parquet and WARC the admitted rows are written, unchanged, to a file of the same
    name, packed as it was. A row without an item (a null) is unknown. Of a mix each item is written once, where it is
    met first. A file appears under its name only when it is whole.

    ```
    firsthand filter crawl/ --verdict human --out clean/
    firsthand filter corpus.parquet --mix 0f3a… --out training/
    firsthand filter s3://bucket/crawl/ --snapshot snapshot/ --verdict unknown --workers 8 --out s3://bucket/clean/
    ```
    """
    verdicts = options.choices(verdict or [], VERDICTS, "--verdict")
    if (mix is None) == (not verdicts):
        raise typer.BadParameter("say either --mix MIX or --verdict VERDICT")
    if mix is not None and (snapshot is not None or workers > 1):
        raise typer.BadParameter(
            "--mix goes without --snapshot and --workers: a mix is the registry's, and writes each item where it is"
            " met first, which one process alone can tell"
        )
    found, into = discover.find(paths, whole=whole), locations.parse(out)
    report = Report(files=len(found), items=0, kept=0, missing=None, position=None, out=out)
    with output.progress("filtering", total=len(found)) as advance:
        if mix is not None:
            admits = _mix(mix)
            _sum(report, filtering.write(found, field, into, admits), advance)
            report.missing = admits.missing
            return _tell(report, json)
        question = session.question(policy, as_of, snapshot, confirm, long=True)
        doubts = _sum(report, filtering.by_verdict(found, field, into, question, verdicts, workers), advance)
    report.position = question.position
    _tell(report, json)
    if snapshot is not None and not json:
        session.tell_doubts(doubts, snapshot)


def _mix(id: str) -> ByMix:
    empty = np.empty((0, SIZE), dtype=np.uint8)
    with session.work() as client:
        return ByMix(np.concatenate([empty, *client.mix_digests(id)]))


def _sum(report: Report, steps: Iterable[Written], advance: Callable[[int], None]) -> Doubts:
    """Do all steps, and report what they did."""
    doubts = Doubts()
    for written in steps:
        report.items, report.kept = report.items + written.items, report.kept + written.kept
        doubts += written.doubts
        advance(written.files)
    return doubts


def _tell(report: Report, as_json: bool) -> None:
    if as_json:
        return output.record(report, as_json)
    output.say(f"{report.kept:,} of {output.count(report.items, 'item')} kept, in {report.out}")
    if report.missing:
        output.say(f"not in these files: {output.count(report.missing, 'item')} of the mix")
