"""`firsthand check`: verdicts on the user's own files, and a limit on the share of model output."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer
from pydantic import BaseModel
from rich.table import Table

from firsthand.checking.lookup_source import SnapshotConfidence
from firsthand.cli import options, output, session
from firsthand.core.verdicts import NO_GENERATION, VERDICTS, CountUnknown, PolicyName, Share, Verdict
from firsthand.files.locations import printable
from firsthand.snapshots import manifest

if TYPE_CHECKING:
    from firsthand.checking.check import CheckedItems
    from firsthand.checking.gate import FileShare, GateResult, Limits

#: How unknown items were counted. This text is printed after the share if there are unknown items.
_UNKNOWN_IN_WORDS = {
    "model": "unknown items may be a model's output",
    "human": "unknown items are counted as human, because of --unknown human",
    "ignore": "unknown items are not counted, because of --unknown ignore",
}
#: Added to this text if some items could not be read, and unknown items do not count as model output.
_NOT_LOOKED_UP = ". Items that could not be read may be a model's output"
#: The order in which verdicts are listed, and their colours.
_COLOURS: dict[Verdict, str] = {"human": "green", "model": "magenta", "contested": "yellow", "unknown": "bright_black"}


class ItemVerdict(BaseModel):
    """The verdict on one of the user's items: a line of `--json --items`."""

    kind: Literal["item"] = "item"
    item: str
    verdict: Verdict
    generation: int | None
    lower_bound: bool
    model: str | None


class ShareInterval(BaseModel):
    """The share of items that models made, as an interval."""

    low: float
    high: float
    text: str


class Gate(BaseModel):
    """The limits, whether the items are within them, and a sentence for each limit that is exceeded."""

    max_synthetic: float | None
    max_known_synthetic: float | None
    passed: bool
    reasons: list[str]


class FileLine(BaseModel):
    """The counts and the share of one file: a line of `--json --by-file`."""

    kind: Literal["file"] = "file"
    file: str
    total: int
    counts: dict[Verdict, int]
    unreadable: int
    share: ShareInterval


class Unreadable(BaseModel):
    """The numbers of rows and files that could not be read. Each of them is one unknown item."""

    rows: int
    files: int


class SnapshotUsed(BaseModel):
    """The snapshot that was used instead of a registry."""

    id: str
    bits: int
    #: The expected number of unregistered items that got the verdict human, model or contested by chance.
    expected_false_verdicts: float
    #: The number of look-ups with the verdict human that were counted as unknown, because no registry confirmed them.
    unconfirmed: int
    #: The number of look-ups with the verdict human that were sent to the registry.
    confirmed: int


class CheckReport(BaseModel):
    """The last line of `--json`: the counts, the share, and whether the gate was passed."""

    kind: Literal["summary"] = "summary"
    total: int
    counts: dict[Verdict, int]
    #: The number of items with the verdict model per generation.
    generations: dict[int, int]
    share: ShareInterval
    unknown: CountUnknown
    unreadable: Unreadable
    policy: PolicyName
    position: int
    gate: Gate | None
    snapshot: SnapshotUsed | None = None


def check(
    paths: options.Paths,
    field: options.Field = "text",
    whole: options.Whole = False,
    items: Annotated[
        bool,
        typer.Option(
            "--items/--summary",
            help="--items: also print the verdict on every item. --summary, the default: print only the counts and the"
            " share.",
            show_default=False,
        ),
    ] = False,
    by_file: Annotated[
        bool,
        typer.Option("--by-file", help="Also print the share of each file, the worst file first."),
    ] = False,
    max_synthetic: Annotated[
        float | None,
        typer.Option(
            help="Exit with status 3 if the share of items that models made can be higher than this limit, such as 0.1"
            " for 10 %. This is the high end of the share: unknown items count. Default: no limit.",
            parser=options.usage(options.share),
            metavar="SHARE",
            show_default=False,
        ),
    ] = None,
    max_known_synthetic: Annotated[
        float | None,
        typer.Option(
            help="Exit with status 3 if the share of items that are known to be made by models is higher than this"
            " limit, such as 0.01 for 1 %. This is the low end of the share: unknown items do not count. Default: no"
            " limit.",
            parser=options.usage(options.share),
            metavar="SHARE",
            show_default=False,
        ),
    ] = None,
    unknown: Annotated[
        Literal["human", "ignore"] | None,
        typer.Option(
            help="How to count unknown items in the share. human: as human. ignore: not at all. Default: as items that"
            " may be human or model, so the share is an interval. Example: --unknown ignore.",
            show_default=False,
        ),
    ] = None,
    policy: options.Policy = "strict",
    as_of: options.AsOf = None,
    snapshot: options.SnapshotDir = None,
    confirm: options.Confirm = False,
    on_error: options.OnErrorOption = "stop",
    errors: options.Errors = None,
    workers: options.Workers = 1,
    json: options.Json = False,
) -> None:
    """Print the share of items that models made, and compare it with limits.

    If any item is unknown or contested, the share is an interval. Its low end counts only items with the verdict model.
    Its high end also counts unknown and contested items. Unknown items count as human only with `--unknown human`. A
    text is looked up by its exact bytes and by its canonical text.

    With `--on-error skip`, each row that cannot be read counts as one unknown item, and so does each file that cannot
    be read to its end. These items always count in the high end, also with `--unknown`.

    With `--json`, each line is an object. Its field `kind` is item (with `--items`), file (with `--by-file`) or summary
    (the last line).

    ```
    firsthand check crawl/
    firsthand check answers.jsonl --field answer --items
    firsthand check corpus/ --max-synthetic 0.1 --by-file || echo "refused"
    firsthand check crawl/ --max-known-synthetic 0.01 --on-error skip --errors bad.jsonl
    firsthand check s3://bucket/crawl/ --snapshot snapshot/ --workers 8
    ```
    """
    # These modules import pyarrow; all other commands start without it.
    from firsthand.checking import gate, read_errors
    from firsthand.files import containers, discover

    options.check_errors_file(on_error, errors)
    files = discover.find(paths, whole=whole, skip=on_error == "skip")
    for remark in () if whole else containers.remarks(files):
        output.remark(remark)
    source, position = session.lookup_source(policy, as_of, snapshot, confirm)
    limits = gate.Limits(max_synthetic, max_known_synthetic, unknown or "model")
    # Lines of items and a progress bar would overwrite each other on a terminal.
    bar = output.byte_progress("checking", discover.total_size(files), shown=not items)
    with bar as advance, read_errors.logging(errors) as log:

        def on_items(part: "CheckedItems") -> None:
            if items:
                _print_items(part, json)
            advance(part.read_bytes, len(part.answer.verdict))

        result = gate.run(
            files,
            field,
            source,
            limits,
            policy=policy,
            position=position,
            names=items,
            by_file=by_file,
            processes=workers,
            on_error=on_error,
            log=log,
            on_items=on_items,
        )
    report = CheckReport(
        total=result.total,
        counts=dict(result.counts),
        generations=dict(result.generations),
        share=_interval(result.share),
        unknown=limits.unknown,
        unreadable=Unreadable(rows=result.unreadable_rows, files=result.unreadable_files),
        policy=policy,
        position=position,
        gate=_gate(limits, result),
        snapshot=_snapshot_used(snapshot, result.confidence) if snapshot else None,
    )
    _print_files(result.by_file, json)
    if json:
        output.json_line(report)
    else:
        _print(report)
        session.print_read_errors(
            result.unreadable_rows, result.unreadable_files, result.errors, errors, "counted as unknown"
        )
        if snapshot is not None:
            session.print_confidence(result.confidence, snapshot)
        _print_gate(report)
    if not result.passed:
        raise typer.Exit(output.REFUSED)


def _gate(limits: "Limits", result: "GateResult") -> Gate | None:
    """Return the limits and the result of the gate. Return None if no limit was given."""
    if limits.max_synthetic is None and limits.max_known_synthetic is None:
        return None
    return Gate(
        max_synthetic=limits.max_synthetic,
        max_known_synthetic=limits.max_known_synthetic,
        passed=result.passed,
        reasons=list(result.reasons),
    )


def _interval(share: Share) -> ShareInterval:
    return ShareInterval(low=share.low, high=share.high, text=str(share))


def _verdicts(part: "CheckedItems") -> list[ItemVerdict]:
    answer = part.answer
    columns = (answer.verdict.tolist(), answer.generation.tolist(), answer.lower_bound.tolist(), answer.models)
    return [
        ItemVerdict(
            item=printable(name),
            verdict=VERDICTS[verdict],
            generation=None if generation == NO_GENERATION else generation,
            lower_bound=bound,
            model=model,
        )
        for name, verdict, generation, bound, model in zip(part.names or (), *columns, strict=True)
    ]


def _snapshot_used(folder: Path, confidence: SnapshotConfidence) -> SnapshotUsed:
    loaded = manifest.load(folder)
    return SnapshotUsed(
        id=loaded.id,
        bits=loaded.bits,
        expected_false_verdicts=confidence.expected,
        unconfirmed=confidence.unconfirmed,
        confirmed=confidence.confirmed,
    )


def _print_items(part: "CheckedItems", as_json: bool) -> None:
    verdicts = _verdicts(part)
    if as_json:
        for item in verdicts:
            output.json_line(item)
        return
    width = max((len(_model_in_words(item)) for item in verdicts), default=0)
    for item in verdicts:
        verdict = output.coloured(f"{item.verdict:<9}", _COLOURS[item.verdict])
        output.say(f"  {_model_in_words(item):<{width}}  {item.item}", lead=verdict)


def _print_files(files: "Sequence[FileShare]", as_json: bool) -> None:
    """Print a line per file, in the order of `files`."""
    if as_json:
        for file in files:
            output.json_line(
                FileLine(
                    file=file.file,
                    total=sum(file.counts.values()),
                    counts=dict(file.counts),
                    unreadable=file.unreadable,
                    share=_interval(Share(file.low, file.high)),
                )
            )
        return
    if not files:
        return
    shares = [str(Share(file.low, file.high)) for file in files]
    counts = [", ".join(_counts_in_words(file)) for file in files]
    width, counts_width = max(map(len, shares)), max(map(len, counts))
    output.say("made by models, per file:")
    for file, share, count in zip(files, shares, counts, strict=True):
        output.say(f"{share:>{width}}  {count:<{counts_width}}  {file.file}")


def _counts_in_words(file: "FileShare") -> Iterator[str]:
    """Yield the number of items per verdict, without zeros, and how many could not be read."""
    for verdict in _COLOURS:
        if count := file.counts[verdict]:
            yield f"{verdict} {count:,}"
    if file.unreadable:
        yield f"not read {file.unreadable:,}"


def _print(report: CheckReport) -> None:
    table = Table("verdict", "items", "", box=None, pad_edge=False, header_style="bold")
    for verdict_name in _COLOURS:
        count = report.counts[verdict_name]
        table.add_row(verdict_name, f"{count:,}", f"{100 * count / report.total:.1f} %" if report.total else "")
        if verdict_name == "model":
            for generation, items in report.generations.items():
                table.add_row(f"  generation {generation}", f"{items:,}", "", style="dim")
    output.console().print(table)
    output.say(f"made by models: {report.share.text}{_undecided_in_words(report)}")
    output.say(f"policy {report.policy}, position {report.position:,}")


def _undecided_in_words(report: CheckReport) -> str:
    """Return how unknown or contested items were counted, or an empty text if there are none."""
    unreadable = report.unreadable.rows + report.unreadable.files
    if report.counts["unknown"]:
        not_looked_up = _NOT_LOOKED_UP if unreadable and report.unknown != "model" else ""
        return f" ({_UNKNOWN_IN_WORDS[report.unknown]}{not_looked_up})"
    return " (contested items may be a model's output)" if report.counts["contested"] else ""


def _print_gate(report: CheckReport) -> None:
    decision = report.gate
    if decision is None:
        return
    for reason in decision.reasons:
        output.say(f"gate refused: {reason}")
    if decision.passed:
        limits = {"max-synthetic": decision.max_synthetic, "max-known-synthetic": decision.max_known_synthetic}
        given = (f"{name} is {100 * limit:g} %" for name, limit in limits.items() if limit is not None)
        output.say(f"gate passed: {report.share.text} may be made by models; {', '.join(given)}")


def _model_in_words(item: ItemVerdict) -> str:
    generation = f"generation {'≥ ' if item.lower_bound else ''}{item.generation}" if item.generation else ""
    return " ".join(filter(None, (item.model, generation)))
