"""`firsthand model`: models, their training data and their generation."""

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
            help="Training data: the id of a mix, or a dataset at a position, such as acme/web@12. Without @POSITION,"
            " the current position is used. Repeat the option for several.",
            metavar="MIX|ORG/NAME[@POSITION]",
            show_default=False,
        ),
    ] = None,
    generation: Annotated[
        int | None,
        typer.Option(
            help="The generation of the model, such as 1, if its training data is not registered. Default: the"
            " registry computes it from --trained-on.",
            min=1,
            show_default=False,
        ),
    ] = None,
    served_from: options.ServedFrom = None,
    title: Annotated[
        str, typer.Option(help="A description in one line, such as 'Trained on the mix of May'. Default: none.")
    ] = "",
    json: options.Json = False,
) -> None:
    """Register a model and its training data. The registry computes the generation of the model from the data.

    ```
    firsthand model create acme/writer@1 --trained-on acme/letters
    firsthand model create acme/writer@2 --trained-on 0f3a… --title "Trained on the mix of May"
    firsthand model create acme/chat@4 --generation 1
    ```
    """
    with session.short_client() as client:
        parts = [_trained_on(client, text) for text in trained_on or []]
        output.record(client.put_model(name, parts, generation, served_from, title), json)


@app.command("list")
def list_(json: options.Json = False) -> None:
    """List all models, by name.

    ```
    firsthand model list
    ```
    """
    with session.short_client() as client:
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
    """Show a model: its generation, its training data, and the counts from which the generation is computed.

    ```
    firsthand model show acme/writer@1
    ```
    """
    with session.short_client() as client:
        output.record(client.model(name), json)


def _generation(model: Model) -> str:
    return f"{'≥ ' if model.lower_bound else ''}{model.generation}"


def _trained_on(client: Client, text: str) -> TrainedOn:
    if re.fullmatch("[0-9a-f]{32}", text):
        return TrainedOn(mix=text)
    name, _, position = text.partition("@")
    try:
        dataset = str(parse_dataset(name))
        at = int(position) if position else client.statistics().now.position
    except ValueError:
        raise typer.BadParameter(
            f"{text!r} is not the name of training data: use the id of a mix (32 hexadecimal digits), a dataset such as"
            " acme/web, or a dataset at a position such as acme/web@12"
        ) from None
    return TrainedOn(dataset=dataset, position=at)
