"""`firsthand check`: what is known of one's own files, and a gate."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated, Literal

import typer
from pydantic import BaseModel
from rich.table import Table

from firsthand import sources
from firsthand.cli import options, output, session
from firsthand.client import Client
from firsthand.lookups import Lookup
from firsthand.snapshots import Snapshot
from firsthand.snapshots.asking import Local
from firsthand.sources import Batch
from firsthand.verdicts import IS_MODEL, NO_GENERATION, VERDICTS, PolicyName, Verdict, synthetic_share

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
    snapshot: Annotated[
        Path | None,
        typer.Option(
            help="Ask this pulled snapshot, and no registry.",
            metavar="DIR",
            exists=True,
            file_okay=False,
            show_default=False,
        ),
    ] = None,
    confirm: Annotated[
        bool, typer.Option("--confirm", help="Ask the registry too about what the snapshot calls human.")
    ] = False,
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
    ```
    """
    found = sources.find(paths, whole=whole)
    local = _local(snapshot, confirm, policy, as_of)
    totals, items = Totals(), []
    with session.ask() as client, output.progress("checking") as advance:
        asked = Local(local, client if confirm else None) if local else None
        for batch, answer in _ask(client, asked, sources.batches(found, field), policy, as_of):
            totals.add(answer)
            items += [] if summary else _verdicts(batch, answer)
            advance(len(batch.items))
    told = _summary(totals, unknown or "model", policy, max_synthetic)
    told.snapshot = _asked(asked) if asked else None
    if json:
        output.say(told.model_copy(update={"items": None if summary else items}).model_dump_json())
    else:
        _print(items, told)
    if told.gate is not None and not told.gate.passed:
        raise typer.Exit(output.REFUSED)


class Totals:
    """Items by verdict and by generation, over all answers."""

    def __init__(self) -> None:
        self.verdicts: Counter[Verdict] = Counter(dict.fromkeys(VERDICTS, 0))
        self.generations: Counter[int] = Counter()
        self.position = 0

    def add(self, answer: Lookup) -> None:
        self.verdicts.update(answer.counts())
        self.generations.update(answer.generation[answer.verdict == IS_MODEL].tolist())
        self.position = answer.position


def _local(folder: Path | None, confirm: bool, policy: PolicyName, as_of: int | None) -> Snapshot | None:
    """The snapshot in a folder, where one is to be asked and it was built for this question."""
    if folder is None:
        if confirm:
            raise typer.BadParameter("--confirm goes with --snapshot: a registry's own answers need no confirming")
        return None
    snapshot = Snapshot.open(folder)
    known = snapshot.manifest
    if known.policy != policy:
        raise typer.BadParameter(f"the snapshot judges by {known.policy}: say --policy {known.policy}")
    if as_of not in (None, known.position):
        raise typer.BadParameter(f"the snapshot is of position {known.position}, and no other can be asked of it")
    return snapshot


def _ask(
    client: Client, local: Local | None, batches: Iterable[Batch], policy: PolicyName, as_of: int | None
) -> Iterator[tuple[Batch, Lookup]]:
    """Every batch with its verdicts, all at the position of the first."""
    for batch in batches:
        answer = local.check(batch.items) if local else client.check(batch.items, policy, as_of)
        as_of = answer.position
        yield batch, answer


def _asked(local: Local) -> Asked:
    known = local.snapshot.manifest
    return Asked(
        id=known.id,
        bits=known.bits,
        expected_false_verdicts=local.expected,
        unconfirmed=local.unconfirmed,
        confirmed=local.confirmed,
    )


def _verdicts(batch: Batch, answer: Lookup) -> list[ItemVerdict]:
    columns = (answer.verdict.tolist(), answer.generation.tolist(), answer.lower_bound.tolist(), answer.models)
    return [
        ItemVerdict(
            item=name,
            verdict=VERDICTS[verdict],
            generation=None if generation == NO_GENERATION else generation,
            lower_bound=bound,
            model=model,
        )
        for name, verdict, generation, bound, model in zip(batch.names, *columns, strict=True)
    ]


def _summary(totals: Totals, unknown: Unknown, policy: PolicyName, max_synthetic: float | None) -> Summary:
    share = synthetic_share(totals.verdicts, unknown)
    gate = None if max_synthetic is None else Gate(max_synthetic=max_synthetic, passed=share.high <= max_synthetic)
    return Summary(
        items=None,
        total=totals.verdicts.total(),
        counts=dict(totals.verdicts),
        generations=dict(sorted(totals.generations.items())),
        share=Interval(low=share.low, high=share.high, text=str(share)),
        unknown=unknown,
        policy=policy,
        position=totals.position,
        gate=gate,
    )


def _print(items: list[ItemVerdict], told: Summary) -> None:
    width = max((len(_made_by(item)) for item in items), default=0)
    for item in items:
        verdict = typer.style(f"{item.verdict:<9}", fg=_COLOURS[item.verdict])
        output.say(f"{verdict}  {_made_by(item):<{width}}  {item.item}")
    output.console().print(_table(told))
    output.say(f"made by models: {told.share.text} ({_UNKNOWN_IN_WORDS[told.unknown]})")
    output.say(f"policy {told.policy}, position {told.position:,}")
    if told.snapshot is not None:
        _print_asked(told.snapshot)
    if told.gate is not None:
        word = "passed" if told.gate.passed else "refused"
        output.say(f"gate {word}: at most {100 * told.gate.max_synthetic:g} % may be made by models")


def _print_asked(asked: Asked) -> None:
    expected = f"{asked.expected_false_verdicts:.2g}"
    output.say(f"asked a snapshot with fingerprints of {asked.bits} bits: expect {expected} false verdicts")
    if asked.unconfirmed:
        looks = output.count(asked.unconfirmed, "look-up")
        output.say(f"{looks} said human and are counted as unknown, for {asked.bits} bits are no proof: say --confirm")
    if asked.confirmed:
        output.say(f"{output.count(asked.confirmed, 'look-up')} said human; the registry was asked of each")


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
