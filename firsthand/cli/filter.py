"""`firsthand filter`: write the items of the user's own files that belong to a mix or have a certain verdict."""

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from pydantic import BaseModel

from firsthand.checking.lookup_source import SnapshotConfidence, refuse_human
from firsthand.cli import options, output, session
from firsthand.core.digests import SIZE
from firsthand.core.verdicts import VERDICTS
from firsthand.files import locations
from firsthand.snapshots import manifest

if TYPE_CHECKING:
    from firsthand.checking.filter import FilteredPart


class FilterReport(BaseModel):
    """The counts of items and files that were read and written: the output of `--json`."""

    files: int
    items: int
    kept: int
    #: The number of items of the mix that are in none of the files; null without a mix.
    missing: int | None
    #: The position of the verdicts. Null with a mix, which has its own position.
    position: int | None
    out: str


def filter(
    paths: options.Paths,
    out: Annotated[
        str,
        typer.Option(
            "--out", help="The folder or URL for the output, such as clean/.", metavar="DIR", show_default=False
        ),
    ],
    mix: Annotated[
        str | None,
        typer.Option(
            "--mix",
            help="Keep the items of the mix with this id: 32 hexadecimal digits, as `mix create` prints it. An item"
            " that the mix repeats is written once.",
            metavar="MIX",
            parser=options.usage(options.not_empty),
            show_default=False,
        ),
    ] = None,
    verdict: Annotated[
        list[str] | None,
        typer.Option(
            "--verdict",
            help="Keep items with this verdict: human, model, contested or unknown. Repeat the option to keep several,"
            " such as --verdict human --verdict unknown.",
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
    """Write the items of your own files that belong to a mix or have a certain verdict.

    A file that is one item is copied. The selected rows of a JSONL, CSV, TSV, Parquet or WARC file are written,
    unchanged, to a file with the same name and compression. A row without an item (null) counts as unknown. With a mix,
    each item is written once, at its first occurrence. An output file gets its final name when it is complete.

    ```
    firsthand filter crawl/ --verdict human --out clean/
    firsthand filter corpus.parquet --mix 0f3a… --out training/
    firsthand filter s3://bucket/crawl/ --snapshot snapshot/ --verdict unknown --workers 8 --out s3://bucket/clean/
    ```
    """
    # These modules import pyarrow; all other commands start without it.
    from firsthand.checking import filter as filtering
    from firsthand.files import containers, discover

    verdicts = options.choices(verdict or [], VERDICTS, "--verdict")
    if (mix is None) == (not verdicts):
        raise typer.BadParameter("use either --mix MIX or --verdict VERDICT")
    if mix is not None and (snapshot is not None or workers > 1):
        raise typer.BadParameter(
            "--mix cannot be used with --snapshot or --workers: a mix is read from the registry, and only one process"
            " can find the first occurrence of each item. Omit --snapshot and --workers"
        )
    files, target = discover.find(paths, whole=whole), locations.parse(out)
    for remark in () if whole else containers.remarks(files):
        output.remark(remark)
    report = FilterReport(files=len(files), items=0, kept=0, missing=None, position=None, out=out)
    with output.progress("filtering", total=len(files)) as advance:
        if mix is not None:
            with session.long_client() as client:
                empty, items = np.empty((0, SIZE), dtype=np.uint8), client.mix(mix).items
                selector = filtering.SelectByMix(np.concatenate([empty, *client.mix_digests(mix, items)]))
            _run(report, filtering.write(files, field, target, selector), advance)
            report.missing = selector.missing
            return _print(report, json)
        if snapshot is not None and not confirm:
            check_bits: Callable[[int], None] = partial(refuse_human, verdicts)
            options.usage(check_bits, "--verdict")(manifest.load(snapshot).bits)
        source, report.position = session.lookup_source(policy, as_of, snapshot, confirm, long=True)
        confidence = _run(report, filtering.by_verdict(files, field, target, source, verdicts, workers), advance)
    _print(report, json)
    if snapshot is not None and not json:
        session.print_confidence(confidence, snapshot)


def _run(report: FilterReport, parts: "Iterable[FilteredPart]", advance: Callable[[int], None]) -> SnapshotConfidence:
    """Process all tasks, and add their counts to the report. Return the confidence of their look-ups."""
    confidence = SnapshotConfidence()
    for part in parts:
        report.items, report.kept = report.items + part.items, report.kept + part.kept
        confidence += part.confidence
        advance(part.files)
    return confidence


def _print(report: FilterReport, as_json: bool) -> None:
    if as_json:
        return output.record(report, as_json)
    output.say(f"{report.kept:,} of {output.count(report.items, 'item')} kept, in {report.out}")
    if report.missing:
        output.say(f"not in these files: {output.count(report.missing, 'item')} of the mix")
