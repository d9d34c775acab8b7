"""`firsthand model`: what each model was trained on, and the generation that follows."""

import re
from typing import Annotated

import typer

from firsthand.cli import options, output, session
from firsthand.client import Client
from firsthand.core.names import parse_dataset
from firsthand.schemas.models import Model, TrainedOn

app = typer.Typer(no_args_is_help=True, rich_markup_mode="markdown")


@app.command()
def create(
    name: options.ModelArgument,
    trained_on: Annotated[
        list[str] | None,
        typer.Option(
            help="A mix, or a dataset at a position (without one, as it is now); may be given again.",
            metavar="MIX|ORG/NAME[@POSITION]",
            show_default=False,
        ),
    ] = None,
    generation: Annotated[
        int | None,
        typer.Option(
            help="For a model whose training data nobody registered; else it is computed.", min=1, show_default=False
        ),
    ] = None,
    served_from: options.When = None,
    title: Annotated[str, typer.Option(help="One line for people.")] = "",
    json: options.Json = False,
) -> None:
    """Register a model and what it was trained on; its generation is computed from that.

    ```
    firsthand model create acme/writer@1 --trained-on acme/letters
    firsthand model create acme/writer@2 --trained-on 0f3a… --title "Trained on the mix of May"
    firsthand model create other/chat@4 --generation 1
    ```
    """
    with session.ask() as client:
        parts = [_trained_on(client, text) for text in trained_on or []]
        output.record(client.put_model(name, parts, generation, served_from, title), json)


@app.command("list")
def list_(json: options.Json = False) -> None:
    """List all models.

    ```
    firsthand model list
    ```
    """
    with session.ask() as client:
        columns = {
            "name": lambda m: m.name,
            "generation": _generation,
            "basis": lambda m: m.basis,
            "position": lambda m: m.position,
            "title": lambda m: m.title,
        }
        output.listing(client.models(), columns, json)


@app.command()
def show(name: options.ModelArgument, json: options.Json = False) -> None:
    """Show one model, its generation and the counts behind it.

    ```
    firsthand model show acme/writer@1
    ```
    """
    with session.ask() as client:
        output.record(client.model(name), json)


def _generation(model: Model) -> str:
    return f"{'≥ ' if model.lower_bound else ''}{model.generation}"


def _trained_on(client: Client, text: str) -> TrainedOn:
    if re.fullmatch("[0-9a-f]{32}", text):
        return TrainedOn(mix=text)
    name, _, position = text.partition("@")
    try:
        dataset = str(parse_dataset(name))
        place = int(position) if position else client.statistics().now.position
    except ValueError:
        raise typer.BadParameter(f"{text!r} is neither a mix's id nor org/name or org/name@position") from None
    return TrainedOn(dataset=dataset, position=place)
