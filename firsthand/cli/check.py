"""`firsthand check`: what is known of one's own files, and a gate."""

from collections import Counter
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import typer
from pydantic import BaseModel
from rich.table import Table

from firsthand.checking import check as checking
from firsthand.checking.check import Answered
from firsthand.checking.lookup_source import Doubts, Question
from firsthand.cli import options, output, session
from firsthand.core.verdicts import IS_MODEL, NO_GENERATION, VERDICTS, PolicyName, Verdict, synthetic_share
from firsthand.files import discover
from firsthand.files.locations import shown
from firsthand.snapshots import manifest

Unknown = Literal["model", "human", "ignore"]

#: What becomes of items that nobody claimed, said beside every share.
_UNKNOWN_IN_WORDS = {
    "model": "unknown items may be a model's output",
    "human": "unknown items counted as human, as --unknown human says",
    "ignore": "unknown items left out, as --unknown ignore says",
}
#: The order in which verdicts are counted up, and their colours.
_COLOURS: dict[Verdict, str] = {"human": "green", "model": "magenta", "contested": "yellow", "unknown": "bright_black"}


class ItemVerdict(BaseModel):
    """The verdict on one item of the user's."""

    item: str
    verdict: Verdict
    generation: int | None
    lower_bound: bool
    model: str | None


class Interval(BaseModel):
    low: float
    high: float
    text: str


class Gate(BaseModel):
    max_synthetic: float
    passed: bool


class Asked(BaseModel):
    """The snapshot that was asked in place of a registry."""

    id: str
    bits: int
    #: How many items that nobody knows are to be expected among those with a verdict.
    expected_false_verdicts: float
    #: Look-ups that said human, and were counted as unknown because nobody was asked again.
    unconfirmed: int
    #: Look-ups that said human, of which the registry was asked.
    confirmed: int


class Summary(BaseModel):
    """What `--json` prints; with `--summary` without the items."""

    items: list[ItemVerdict] | None
    total: int
    counts: dict[Verdict, int]
    #: Items whose verdict is model, by generation.
    generations: dict[int, int]
    share: Interval
    unknown: Unknown
    policy: PolicyName
    position: int
    gate: Gate | None
    snapshot: Asked | None = None


def check(
    paths: options.Paths,
    field: options.Field = "text",
    whole: options.Whole = False,
    summary: Annotated[bool, typer.Option("--summary", help="Print the counts and the share alone.")] = False,
    max_synthetic: Annotated[
        float | None,
        typer.Option(
            help="Exit with status 3 if the high end of the share may be above this, 0 to 1.",
            min=0.0,
            max=1.0,
            metavar="SHARE",
            show_default=False,
        ),
    ] = None,
    unknown: Annotated[
        Literal["human", "ignore"] | None,
        typer.Option(
            help="Count items that nobody claimed as human, or leave them out. Nothing said, they may be anything.",
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
    """Print a verdict an item, and the share that models made.

    The share is an interval wherever anything is unknown or contested: from what models surely made to what they may
    have made. Unknown is never human, unless you say so. A text is asked both by its exact bytes and as canonical
    text.

    ```
    firsthand check crawl/ --summary
    firsthand check answers.jsonl --field answer
    firsthand check corpus/ --max-synthetic 0.1 || echo "not this one"
    firsthand check crawl/ --snapshot snapshot/ --confirm
    firsthand check s3://bucket/crawl/ --snapshot snapshot/ --workers 8 --summary
    ```
    """
    found = discover.find(paths, whole=whole)
    question = session.question(policy, as_of, snapshot, confirm)
    totals, items = Totals(), []
    with output.progress("checking") as advance:
        for part in checking.check(found, field, question, names=not summary, processes=workers):
            totals.add(part)
            items += [] if summary else [part]
            advance(len(part.answer.verdict))
    told = _summary(totals, unknown or "model", question, max_synthetic)
    if json:
        listed = None if summary else [item for part in items for item in _verdicts(part)]
        output.say(told.model_copy(update={"items": listed}).model_dump_json())
    else:
        _print(items, told)
        if snapshot is not None:
            session.tell_doubts(totals.doubts, snapshot)
        _print_gate(told.gate)
    if told.gate is not None and not told.gate.passed:
        raise typer.Exit(output.REFUSED)


class Totals:
    """Items by verdict and by generation, over all answers."""

    def __init__(self) -> None:
        self.verdicts: Counter[Verdict] = Counter(dict.fromkeys(VERDICTS, 0))
        self.generations: Counter[int] = Counter()
        self.doubts = Doubts()

    def add(self, part: Answered) -> None:
        answer = part.answer
        self.verdicts.update(answer.counts())
        generations, items = np.unique(answer.generation[answer.verdict == IS_MODEL], return_counts=True)
        self.generations.update(dict(zip(generations.tolist(), items.tolist(), strict=True)))
        self.doubts += part.doubts


def _verdicts(part: Answered) -> list[ItemVerdict]:
    answer = part.answer
    columns = (answer.verdict.tolist(), answer.generation.tolist(), answer.lower_bound.tolist(), answer.models)
    return [
        ItemVerdict(
            item=shown(name),
            verdict=VERDICTS[verdict],
            generation=None if generation == NO_GENERATION else generation,
            lower_bound=bound,
            model=model,
        )
        for name, verdict, generation, bound, model in zip(part.names or (), *columns, strict=True)
    ]


def _summary(totals: Totals, unknown: Unknown, question: Question, max_synthetic: float | None) -> Summary:
    share = synthetic_share(totals.verdicts, unknown)
    gate = None if max_synthetic is None else Gate(max_synthetic=max_synthetic, passed=share.high <= max_synthetic)
    return Summary(
        items=None,
        total=totals.verdicts.total(),
        counts=dict(totals.verdicts),
        generations=dict(sorted(totals.generations.items())),
        share=Interval(low=share.low, high=share.high, text=str(share)),
        unknown=unknown,
        policy=question.policy,
        position=question.position,
        gate=gate,
        snapshot=_asked(question.snapshot, totals.doubts) if question.snapshot else None,
    )


def _asked(snapshot: Path, doubts: Doubts) -> Asked:
    known = manifest.load(snapshot)
    return Asked(
        id=known.id,
        bits=known.bits,
        expected_false_verdicts=doubts.expected,
        unconfirmed=doubts.unconfirmed,
        confirmed=doubts.confirmed,
    )


def _print(items: list[Answered], told: Summary) -> None:
    for part in items:
        verdicts = _verdicts(part)
        width = max((len(_made_by(item)) for item in verdicts), default=0)
        for item in verdicts:
            verdict = typer.style(f"{item.verdict:<9}", fg=_COLOURS[item.verdict])
            output.say(f"{verdict}  {_made_by(item):<{width}}  {item.item}")
    output.console().print(_table(told))
    output.say(f"made by models: {told.share.text} ({_UNKNOWN_IN_WORDS[told.unknown]})")
    output.say(f"policy {told.policy}, position {told.position:,}")


def _print_gate(gate: Gate | None) -> None:
    if gate is not None:
        word = "passed" if gate.passed else "refused"
        output.say(f"gate {word}: at most {100 * gate.max_synthetic:g} % may be made by models")


def _made_by(item: ItemVerdict) -> str:
    generation = "" if not item.generation else f"{'≥ ' if item.lower_bound else ''}{item.generation}"
    return " ".join(filter(None, (item.model, f"generation {generation}" if generation else "")))


def _table(told: Summary) -> Table:
    table = Table("verdict", "items", "", box=None, pad_edge=False, header_style="bold")
    for verdict in _COLOURS:
        count = told.counts[verdict]
        share = f"{100 * count / told.total:.1f} %" if told.total else ""
        table.add_row(verdict, f"{count:,}", share)
        if verdict == "model":
            for generation, items in told.generations.items():
                table.add_row(f"  generation {generation}", f"{items:,}", "", style="dim")
    return table
