"""`firsthand mix`: training sets that a recipe selects from the registry."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from firsthand.cli import options, output, session
from firsthand.core.verdicts import Verdict
from firsthand.mixes import recipe_text
from firsthand.schemas.mixes import Change, Mix, Part, Recipe, Shortfall, Unit
from firsthand.schemas.models import OriginCounts

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")


@app.command()
def create(
    context: typer.Context,
    recipe: Annotated[
        Path | None,
        typer.Argument(
            help="A YAML file with the recipe. If an option and the file set the same field, the option is used.",
            metavar="RECIPE.yaml",
            show_default=False,
        ),
    ] = None,
    part: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD=VALUE,…",
            help="One part of the mix: conditions on its items, and how many to select. Conditions: verdict,"
            " generation, max_generation, lower_bounds, dataset, model, collected_before, registered_before. Amount:"
            " share (fraction of --size, such as 0.1) or size. Without an amount, all matching items are selected."
            " weight=confidence prefers items with a high confidence, and omits items without one or with 0."
            " Separate alternative values with bars: verdict=human|unknown. Repeat the option for several parts."
            " Example: verdict=human,share=0.1.",
            show_default=False,
        ),
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(
            help="The total size of the mix, such as 1000. A part with share=0.1 selects a tenth of it."
            " Default: no total; then each part has a size, or selects all matching items.",
            min=0,
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(help="The seed of the selection, such as 7. Another seed selects other items.", min=0)
    ] = 0,
    unit: Annotated[
        Unit,
        typer.Option(
            help="The unit of --size and of the size of a part. items: the number of items. size: the sum of the"
            " registered sizes, such as the bytes that `firsthand register --sizes` records; items without a"
            " registered size are omitted."
        ),
    ] = "items",
    shortfall: Annotated[
        Shortfall,
        typer.Option(
            help="What to do if too few items match a part. refuse: create no mix. shrink: select all"
            " matching items. repeat: use items several times."
        ),
    ] = "refuse",
    policy: options.Policy = "strict",
    as_of: options.AsOf = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only print the counts of the mix. Nothing is stored.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Select the items of a mix. The same recipe at the same position always gives the same items.

    ```
    firsthand mix create --part verdict=human
    firsthand mix create --size 1000 --part verdict=human,share=0.1 --part generation=3,share=0.9
    firsthand mix create recipe.yaml --dry-run
    firsthand mix create recipe.yaml --seed 7 --as-of 1200
    ```
    """
    parts = [options.usage(recipe_text.part, "--part")(text) for text in part or []]
    settings = {"seed": seed, "size": size, "unit": unit, "shortfall": shortfall, "policy": policy, "as_of": as_of}
    given = {name: value for name, value in settings.items() if _is_given(context, name)}
    with session.short_client() as client:
        _print(client.create_mix(_recipe(recipe, parts, given), dry_run), json)


@app.command()
def show(mix: options.MixId, json: options.Json = False) -> None:
    """Show a mix: its recipe, its counts by verdict and generation, and its digest.

    ```
    firsthand mix show 0f3a…
    ```
    """
    with session.short_client() as client:
        output.record(client.mix(mix), json)


@app.command()
def download(
    mix: options.MixId,
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            help="The file to write, such as mix.parquet. Its suffix sets the format.",
            metavar="FILE",
            show_default=False,
        ),
    ],
    json: options.Json = False,
) -> None:
    """Write the digests of the items of a mix to a file, in the order of the mix.

    The suffix of the file sets the format.

    `.parquet`, `.arrow` (an IPC stream) and `.jsonl` have the columns digest, part (from 0), verdict, generation, and
    size if the unit of the recipe is size. `.bin` has only the digests, 32 bytes each. A file with any other suffix has
    one line `sha256:<hex>` per item. The command compares the content with the digest of the mix. Only then does the
    file get its final name.

    ```
    firsthand mix download 0f3a… --out mix.txt
    firsthand mix download 0f3a… --out mix.parquet
    ```
    """
    from firsthand.mixes import download as mix_download  # imports pyarrow; all other commands start without it

    with session.long_client() as client:
        drawn = client.mix(mix)
        with output.progress("downloading", total=drawn.items) as advance:
            mix_download.download(client, drawn, out, advance)
    if json:
        output.record(drawn, json)
    else:
        output.say(f"{output.count(drawn.items, 'item')} written to {out}")


@app.command()
def diff(
    mix: options.MixId,
    as_of: Annotated[
        int | None,
        typer.Option(
            help="Compare with the state of the log at this position, such as 1200.", min=0, show_default="now"
        ),
    ] = None,
    json: options.Json = False,
) -> None:
    """List the items of a mix whose verdict has changed, and check whether its recipe still holds.

    The verdict of an item changes if its claims are withdrawn, disputed or contradicted. The recipe holds if its parts
    would select all their items again. If at least one item would no longer be selected, the exit status is 3. With
    `--json`, only the changes are printed, one per line.

    ```
    firsthand mix diff 0f3a…
    firsthand mix diff 0f3a… --json || firsthand mix create recipe.yaml
    ```
    """
    with session.long_client() as client:
        drawn = client.mix(mix)
        changed, not_selected = 0, 0
        for change in client.mix_diff(mix, as_of):
            changed, not_selected = changed + 1, not_selected + (not change.admitted)
            if json:
                output.json_line(change)
            else:
                output.say(_change_in_words(change))
    if not json:
        output.say(f"{changed:,} of {output.count(drawn.items, 'item')} changed since position {drawn.position:,}")
        if not_selected:
            output.say(f"the recipe no longer holds: {output.count(not_selected, 'item')} would no longer be selected")
        else:
            output.say("the recipe still holds: all items would still be selected")
    if not_selected:
        raise typer.Exit(output.REFUSED)


def _change_in_words(change: Change) -> str:
    before = _verdict_in_words(change.verdict, change.generation)
    now = _verdict_in_words(change.verdict_now, change.generation_now)
    selected = "" if change.admitted else f", no longer selected by part {change.part + 1}"
    return f"{change.digest}: {before if before == now else f'{before} → {now}'}{selected}"


def _verdict_in_words(verdict: Verdict, generation: int | None) -> str:
    return f"{verdict} of generation {generation}" if verdict == "model" and generation is not None else verdict


def _is_given(context: typer.Context, option: str) -> bool:
    """Return whether the user gave an option.

    If so, the option has precedence over the file, even with its default value.
    """
    source = context.get_parameter_source(option)
    return source is not None and source.name != "DEFAULT"


def _recipe(file: Path | None, parts: list[Part], given: Mapping[str, Any]) -> Recipe:
    if (file is None) == (not parts):
        raise typer.BadParameter("use either a YAML file with the recipe, or --part")
    if file is None:
        return options.usage(lambda parts: Recipe(parts=parts, **given), "--part")(parts)
    fields = options.usage(recipe_text.load)(file).model_dump(exclude_unset=True)
    return options.usage(Recipe.model_validate)({**fields, **given})


def _print(mix: Mix, as_json: bool) -> None:
    if as_json:
        return output.record(mix, as_json)
    output.say(
        f"mix {mix.id or '(dry run, not stored)'}: {output.count(mix.items, 'item')} at position {mix.position:,}"
    )
    output.say("  " + _counts_in_words(mix.counts))
    for number, (part, taken) in enumerate(zip(mix.recipe.parts, mix.parts, strict=True), 1):
        requested = "all" if taken.asked is None else f"{taken.asked:,} requested"
        fields = part.model_dump_json(exclude_unset=True, exclude_none=True)
        output.say(f"  part {number}: {taken.items:,} of {requested} {fields}")
    if mix.id:
        output.say(f"download it with: firsthand mix download {mix.id} --out mix.txt")


def _counts_in_words(counts: OriginCounts) -> str:
    by = {"human": counts.human, "model": counts.model, "contested": counts.contested, "unknown": counts.unknown}
    words = [f"{count:,} {verdict}" for verdict, count in by.items() if count]
    generations = [f"generation {generation}: {count:,}" for generation, count in counts.generations.items()]
    return ", ".join(words) + (f" ({', '.join(generations)})" if generations else "")
