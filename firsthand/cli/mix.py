"""`firsthand mix`: training sets drawn by a recipe."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from firsthand.cli import options, output, session
from firsthand.core.verdicts import Verdict
from firsthand.mixes import download as mix_download
from firsthand.mixes import recipe_text
from firsthand.schemas.mixes import Change, Mix, Part, PartTaken, Recipe, Shortfall, Unit
from firsthand.schemas.models import OriginCounts

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")


@app.command()
def create(
    context: typer.Context,
    recipe: Annotated[
        Path | None,
        typer.Argument(
            help="A YAML file with the recipe; options that are given come before what it says.",
            metavar="RECIPE.yaml",
            show_default=False,
        ),
    ] = None,
    part: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD=VALUE,…",
            help="Which items and how many; may be given again. Fields: verdict, generation, "
            "max_generation, lower_bounds, dataset, model, collected_before, registered_before, share, size, weight; "
            "several values of one with bars: verdict=human|unknown.",
            show_default=False,
        ),
    ] = None,
    size: Annotated[
        int | None, typer.Option(help="The total that shares are shares of.", min=0, show_default=False)
    ] = None,
    seed: Annotated[int, typer.Option(help="Another seed, another draw.", min=0)] = 0,
    unit: Annotated[Unit, typer.Option(help="What sizes count: items, or each item's registered size.")] = "items",
    shortfall: Annotated[
        Shortfall, typer.Option(help="When a part finds too little: refuse, take what there is, or repeat items.")
    ] = "refuse",
    policy: options.Policy = "strict",
    as_of: options.AsOf = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count, and keep nothing.")] = False,
    json: options.Json = False,
) -> None:
    """Draw a mix. The same recipe at the same position gives the same items, for ever.

    ```
    firsthand mix create --part verdict=human
    firsthand mix create --size 1000 --part verdict=human,share=0.1 --part generation=3,share=0.9
    firsthand mix create recipe.yaml --dry-run
    firsthand mix create recipe.yaml --seed 7 --as-of 1200
    ```
    """
    parts = [options.usage(recipe_text.part, "--part")(text) for text in part or []]
    settings = {"seed": seed, "size": size, "unit": unit, "shortfall": shortfall, "policy": policy, "as_of": as_of}
    asked = _recipe(recipe, parts, {name: value for name, value in settings.items() if _typed(context, name)})
    with session.ask() as client:
        _tell(client.create_mix(asked, dry_run), json)


@app.command()
def show(mix: options.MixId, json: options.Json = False) -> None:
    """Show a mix: its recipe, its counts by verdict and generation, its digest.

    ```
    firsthand mix show 0f3a…
    ```
    """
    with session.ask() as client:
        output.record(client.mix(mix), json)


@app.command()
def download(
    mix: options.MixId,
    out: Annotated[Path, typer.Option("--out", help="The file to write.", metavar="FILE", show_default=False)],
    json: options.Json = False,
) -> None:
    """Write a mix's items, in its order, in the form that the file's name asks for.

    `.parquet`, `.arrow` (an IPC stream) and `.jsonl` hold columns: digest, part (from 0), verdict, generation, and size
    where the recipe counts sizes. `.bin` holds the digests alone, 32 bytes each; any other name, sha256:<hex> a line.
    What arrives is compared with the mix's own digest; the file appears when it is whole.

    ```
    firsthand mix download 0f3a… --out mix.txt
    firsthand mix download 0f3a… --out mix.parquet
    ```
    """
    with session.work() as client:
        known = client.mix(mix)
        with output.progress("downloading", total=known.items) as advance:
            mix_download.download(client, known, out, advance)
    if json:
        output.record(known, json)
    else:
        output.say(f"{output.count(known.items, 'item')} in {out}")


@app.command()
def diff(
    mix: options.MixId,
    as_of: Annotated[
        int | None, typer.Option(help="Compare with the log as it stood at this position.", min=0, show_default="now")
    ] = None,
    json: options.Json = False,
) -> None:
    """List the items of a mix whose verdict has changed since it was drawn, and say whether its recipe still holds.

    It holds as long as every item is still admitted by the part that took it: somebody may have withdrawn, disputed or
    contradicted a claim since. Exits with status 3 where it does not; an item that changed and is still admitted is
    listed, and no reason to. With `--json` an object a line for each change, and nothing else.

    ```
    firsthand mix diff 0f3a…
    firsthand mix diff 0f3a… --json || firsthand mix create recipe.yaml
    ```
    """
    with session.work() as client:
        known = client.mix(mix)
        changed, refused = 0, 0
        for change in client.mix_diff(mix, as_of):
            changed, refused = changed + 1, refused + (not change.admitted)
            output.say(change.model_dump_json() if json else _change(change))
    if not json:
        output.say(f"{changed:,} of {output.count(known.items, 'item')} changed since position {known.position:,}")
        output.say(f"the recipe holds no more: {_refused(refused)}" if refused else "the recipe holds")
    if refused:
        raise typer.Exit(output.REFUSED)


def _change(change: Change) -> str:
    before, now = _judged(change.verdict, change.generation), _judged(change.verdict_now, change.generation_now)
    standing = "" if change.admitted else f", admitted no more by part {change.part + 1}"
    return f"{change.digest}: {before if before == now else f'{before} → {now}'}{standing}"


def _judged(verdict: Verdict, generation: int | None) -> str:
    return f"{verdict} of generation {generation}" if verdict == "model" and generation is not None else verdict


def _refused(count: int) -> str:
    return f"{output.count(count, 'item')} admitted no more"


def _typed(context: typer.Context, option: str) -> bool:
    """Whether the user gave an option; its default, typed, comes before a file's word too."""
    source = context.get_parameter_source(option)
    return source is not None and source.name != "DEFAULT"


def _recipe(file: Path | None, parts: list[Part], given: Mapping[str, Any]) -> Recipe:
    if (file is None) == (not parts):
        raise typer.BadParameter("name a YAML file with the recipe, or give its parts with --part")
    if file is None:
        return options.usage(lambda parts: Recipe(parts=parts, **given), "--part")(parts)
    said = options.usage(recipe_text.load)(file).model_dump(exclude_unset=True)
    return options.usage(Recipe.model_validate)({**said, **given})


def _tell(mix: Mix, as_json: bool) -> None:
    if as_json:
        return output.record(mix, as_json)
    output.say(f"mix {mix.id or '(dry run, not kept)'}: {output.count(mix.items, 'item')} at position {mix.position:,}")
    output.say("  " + _counted(mix.counts))
    for number, (part, taken) in enumerate(zip(mix.recipe.parts, mix.parts, strict=True), 1):
        said = part.model_dump_json(exclude_unset=True, exclude_none=True)
        output.say(f"  part {number}: {taken.items:,} of {_asked(taken)} {said}")
    if mix.id:
        output.say(f"download it with: firsthand mix download {mix.id} --out mix.txt")


def _counted(counts: OriginCounts) -> str:
    by = {"human": counts.human, "model": counts.model, "contested": counts.contested, "unknown": counts.unknown}
    words = [f"{count:,} {verdict}" for verdict, count in by.items() if count]
    generations = [f"generation {generation}: {count:,}" for generation, count in counts.generations.items()]
    return ", ".join(words) + (f" ({', '.join(generations)})" if generations else "")


def _asked(taken: PartTaken) -> str:
    return "all" if taken.asked is None else f"{taken.asked:,} asked"
