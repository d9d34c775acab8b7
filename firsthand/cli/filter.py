"""`firsthand filter`: write the items of the user's own files that belong to a mix or have a certain verdict."""

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
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
    from firsthand.checking.read_errors import ErrorLog


class FilterReport(BaseModel):
    """The counts of items and files that were read and written: the output of `--json`."""

    files: int
    items: int
    kept: int
    #: The numbers of rows and files that could not be read. They count in `items`, but are not written.
    unreadable_rows: int = 0
    unreadable_files: int = 0
    #: The number of items of the mix that are not in the files. Null without a mix.
    missing: int | None
    #: The position of the log for the verdicts. Null with a mix, which has its own position.
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
            " that occurs several times in the mix is written once.",
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
    on_error: options.OnErrorOption = "stop",
    errors: options.Errors = None,
    workers: options.Workers = 1,
    json: options.Json = False,
) -> None:
    """Write the items of your own files that belong to a mix or have a certain verdict.

    If a file is one item, the file is copied. From a JSONL, CSV, TSV, Parquet or WARC file, the selected rows are
    written, unchanged, to a file with the same name and compression. A row without an item (null) counts as unknown.
    With a mix, each item is written once, at its first occurrence. An output file gets its final name when it is
    complete.

    With `--on-error skip`, a row that cannot be read is not written. If a file cannot be read to its end, none of its
    rows is written.

    ```
    firsthand filter crawl/ --verdict human --out clean/
    firsthand filter corpus.parquet --mix 0f3a… --out training/
    firsthand filter s3://bucket/crawl/ --snapshot snapshot/ --verdict unknown --workers 8 --out s3://bucket/clean/
    ```
    """
    # These modules import pyarrow; all other commands start without it.
    from firsthand.checking import filter as filtering
    from firsthand.checking import read_errors
    from firsthand.files import containers, discover

    verdicts = options.choices(verdict or [], VERDICTS, "--verdict")
    if (mix is None) == (not verdicts):
        raise typer.BadParameter("use either --mix MIX or --verdict VERDICT")
    if mix is not None and (snapshot is not None or workers > 1):
        raise typer.BadParameter(
            "--mix cannot be used with --snapshot or --workers: a mix is read from the registry, and only one process"
            " can find the first occurrence of each item. Omit --snapshot and --workers"
        )
    options.check_errors_file(on_error, errors)
    files, target = discover.find(paths, whole=whole, skip=on_error == "skip"), locations.parse(out)
    for remark in () if whole else containers.remarks(files):
        output.remark(remark)
    report = FilterReport(files=len(files), items=0, kept=0, missing=None, position=None, out=out)
    with output.byte_progress("filtering", discover.total_size(files)) as advance, read_errors.logging(errors) as log:
        if mix is not None:
            with session.long_client() as client:
                empty, items = np.empty((0, SIZE), dtype=np.uint8), client.mix(mix).items
                selector = filtering.SelectByMix(np.concatenate([empty, *client.mix_digests(mix, items)]))
            confidence = _run(report, filtering.write(files, field, target, selector, on_error), log, advance)
            report.missing = selector.missing
        else:
            if snapshot is not None and not confirm:
                check_bits: Callable[[int], None] = partial(refuse_human, verdicts)
                options.usage(check_bits, "--verdict")(manifest.load(snapshot).bits)
            source, report.position = session.lookup_source(policy, as_of, snapshot, confirm, long=True)
            parts = filtering.by_verdict(files, field, target, source, verdicts, workers, on_error)
            confidence = _run(report, parts, log, advance)
    if json:
        return output.record(report, as_json=True)
    _print(report, log, errors)
    if snapshot is not None:
        session.print_confidence(confidence, snapshot)


def _run(
    report: FilterReport, parts: "Iterable[FilteredPart]", log: "ErrorLog", advance: Callable[[int, int], None]
) -> SnapshotConfidence:
    """Process all tasks, and add their counts to the report. Return the counts of their look-ups in the snapshot."""
    confidence = SnapshotConfidence()
    for part in parts:
        report.items, report.kept = report.items + part.items, report.kept + part.kept
        log.add(part.errors)
        confidence += part.confidence
        advance(part.read_bytes, part.items)
    report.unreadable_rows, report.unreadable_files = log.rows, log.files
    return confidence


def _print(report: FilterReport, log: "ErrorLog", errors: Path | None) -> None:
    output.say(f"{report.kept:,} of {output.count(report.items, 'item')} kept, in {report.out}")
    if report.missing:
        output.say(f"not in these files: {output.count(report.missing, 'item')} of the mix")
    session.print_read_errors(log.rows, log.files, log.first, errors, "not written")
