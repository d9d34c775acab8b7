"""`firsthand check`: verdicts on the user's own files, and a limit on the share of model output."""

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
import typer
from pydantic import BaseModel
from rich.table import Table

from firsthand.checking.lookup_source import SnapshotConfidence
from firsthand.cli import options, output, session
from firsthand.core.verdicts import IS_MODEL, NO_GENERATION, VERDICTS, PolicyName, Verdict, synthetic_share
from firsthand.files.locations import printable
from firsthand.snapshots import manifest

if TYPE_CHECKING:
    from firsthand.checking.check import CheckedItems

CountUnknown = Literal["model", "human", "ignore"]

#: How unknown items were counted. This is printed with the share if there are unknown items.
_UNKNOWN_IN_WORDS = {
    "model": "unknown items may be a model's output",
    "human": "unknown items are counted as human, because of --unknown human",
    "ignore": "unknown items are not counted, because of --unknown ignore",
}
#: The order in which verdicts are listed, and their colours.
_COLOURS: dict[Verdict, str] = {"human": "green", "model": "magenta", "contested": "yellow", "unknown": "bright_black"}


class ItemVerdict(BaseModel):
    """The verdict on one of the user's items."""

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
    """The limit of `--max-synthetic`, and whether the items pass it: their share cannot be higher."""

    max_synthetic: float
    passed: bool


class SnapshotUsed(BaseModel):
    """The snapshot that was used instead of a registry."""

    id: str
    bits: int
    #: The expected number of unregistered items that got a verdict.
    expected_false_verdicts: float
    #: Look-ups with the verdict human that were counted as unknown, because no registry confirmed them.
    unconfirmed: int
    #: Look-ups with the verdict human that were sent to the registry.
    confirmed: int


class CheckReport(BaseModel):
    """The output of `--json`. With `--summary`, `items` is null."""

    items: list[ItemVerdict] | None
    total: int
    counts: dict[Verdict, int]
    #: The number of items with the verdict model per generation.
    generations: dict[int, int]
    share: ShareInterval
    unknown: CountUnknown
    policy: PolicyName
    position: int
    gate: Gate | None
    snapshot: SnapshotUsed | None = None


def check(
    paths: options.Paths,
    field: options.Field = "text",
    whole: options.Whole = False,
    summary: Annotated[
        bool, typer.Option("--summary", help="Print only the counts and the share, not every item.")
    ] = False,
    max_synthetic: Annotated[
        float | None,
        typer.Option(
            help="Exit with status 3 if the share of items that models made can be higher than this limit, such as 0.1"
            " for 10 %. Default: no limit.",
            parser=options.usage(options.share),
            metavar="SHARE",
            show_default=False,
        ),
    ] = None,
    unknown: Annotated[
        Literal["human", "ignore"] | None,
        typer.Option(
            help="How to count unknown items in the share. human: as human. ignore: not at all. Default: they may"
            " be human or model, so the share is an interval. Example: --unknown ignore.",
            show_default=False,
        ),
    ] = None,
    policy: options.Policy = "strict",
    as_of: options.AsOf = None,
    snapshot: options.SnapshotDir = None,
    confirm: options.Confirm = False,
    workers: options.Workers = 1,
    json: options.Json = False,
) -> None:
    """Print the verdict on each item, and the share of items that models made.

    If any item is unknown or contested, the share is an interval. Its low end counts only items with the verdict model.
    Its high end also counts unknown and contested items. Unknown items count as human only with `--unknown human`. A
    text is looked up by its exact bytes and by its canonical text.

    ```
    firsthand check crawl/ --summary
    firsthand check answers.jsonl --field answer
    firsthand check corpus/ --max-synthetic 0.1 || echo "refused"
    firsthand check crawl/ --snapshot snapshot/ --confirm
    firsthand check s3://bucket/crawl/ --snapshot snapshot/ --workers 8 --summary
    ```
    """
    # These modules import pyarrow; all other commands start without it.
    from firsthand.checking import check as checking
    from firsthand.files import containers, discover

    files = discover.find(paths, whole=whole)
    for remark in () if whole else containers.remarks(files):
        output.remark(remark)
    source, position = session.lookup_source(policy, as_of, snapshot, confirm)
    totals, parts = CheckTotals(), []
    with output.progress("checking") as advance:
        for part in checking.check(files, field, source, names=not summary, processes=workers):
            totals.add(part)
            parts += [] if summary else [part]
            advance(len(part.answer.verdict))
    share = synthetic_share(totals.verdicts, unknown or "model")
    gate = None if max_synthetic is None else Gate(max_synthetic=max_synthetic, passed=share.high <= max_synthetic)
    report = CheckReport(
        items=[item for part in parts for item in _verdicts(part)] if json and not summary else None,
        total=totals.verdicts.total(),
        counts=dict(totals.verdicts),
        generations=dict(sorted(totals.generations.items())),
        share=ShareInterval(low=share.low, high=share.high, text=str(share)),
        unknown=unknown or "model",
        policy=policy,
        position=position,
        gate=gate,
        snapshot=_snapshot_used(snapshot, totals.confidence) if snapshot else None,
    )
    if json:
        output.json_line(report)
    else:
        _print(parts, report)
        if snapshot is not None:
            session.print_confidence(totals.confidence, snapshot)
        if gate is not None:
            _print_gate(gate, report)
    if gate is not None and not gate.passed:
        raise typer.Exit(output.REFUSED)


class CheckTotals:
    """The numbers of all checked items, by verdict and by generation."""

    def __init__(self) -> None:
        self.verdicts: Counter[Verdict] = Counter(dict.fromkeys(VERDICTS, 0))
        self.generations: Counter[int] = Counter()
        self.confidence = SnapshotConfidence()

    def add(self, part: "CheckedItems") -> None:
        """Add the verdicts on some more items."""
        answer = part.answer
        self.verdicts.update(answer.counts())
        generations, items = np.unique(answer.generation[answer.verdict == IS_MODEL], return_counts=True)
        self.generations.update(dict(zip(generations.tolist(), items.tolist(), strict=True)))
        self.confidence += part.confidence


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


def _print(parts: "list[CheckedItems]", report: CheckReport) -> None:
    for part in parts:
        verdicts = _verdicts(part)
        width = max((len(_model_in_words(item)) for item in verdicts), default=0)
        for item in verdicts:
            verdict = output.coloured(f"{item.verdict:<9}", _COLOURS[item.verdict])
            output.say(f"  {_model_in_words(item):<{width}}  {item.item}", lead=verdict)
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
    """Return how unknown or contested items were counted; without such items, the share needs no remark."""
    if report.counts["unknown"]:
        return f" ({_UNKNOWN_IN_WORDS[report.unknown]})"
    return " (contested items may be a model's output)" if report.counts["contested"] else ""


def _print_gate(gate: Gate, report: CheckReport) -> None:
    word = "passed" if gate.passed else "refused"
    limit = f"the limit is {100 * gate.max_synthetic:g} % (--max-synthetic)"
    output.say(f"gate {word}: {report.share.text} may be made by models; {limit}")


def _model_in_words(item: ItemVerdict) -> str:
    generation = f"generation {'≥ ' if item.lower_bound else ''}{item.generation}" if item.generation else ""
    return " ".join(filter(None, (item.model, generation)))
