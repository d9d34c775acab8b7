"""Options and arguments that several commands share, each with its one help text."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, TypeAlias, TypeVar

import typer
from pydantic import TypeAdapter, ValidationError

from firsthand.core.names import parse_dataset, parse_model
from firsthand.core.verdicts import PolicyName
from firsthand.mixes.recipe_text import explain
from firsthand.schemas.base import Moment

Given = TypeVar("Given")
Parsed = TypeVar("Parsed")
Choice = TypeVar("Choice", bound=str)
_MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)


def usage(parse: Callable[[Given], Parsed], option: str | None = None) -> Callable[[Given], Parsed]:
    """A parser whose ValueError is a usage error that says what it says."""

    def parsed(given: Given) -> Parsed:
        try:
            return parse(given)
        except ValidationError as error:
            raise typer.BadParameter(explain(error), param_hint=option) from None
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint=option) from None

    return parsed


def choices(given: Sequence[str], allowed: Sequence[Choice], option: str) -> list[Choice]:
    """The values of an option that is given several times, which typer takes as any text; a usage error for another."""
    for value in given:
        if value not in allowed:
            raise typer.BadParameter(f"{value!r} is not one of {', '.join(allowed)}", param_hint=option)
    return [choice for choice in allowed if choice in given]


def moment(text: str) -> datetime:
    """A date (its first second in UTC) or a time with its zone. Raises ValueError."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        return _MOMENT.validate_python(text)


def _dataset(text: str) -> str:
    return str(parse_dataset(text))


def _model(text: str) -> str:
    return str(parse_model(text))


Json: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print JSON for machines: one object, of lists one object a line.")
]
Paths: TypeAlias = Annotated[
    list[str],
    typer.Argument(
        help="Files and folders (but not what is hidden in one), also as URLs (s3://…)."
        " JSONL, CSV, TSV (each also .gz or .zst) and Parquet are rows,"
        " WARC (also .gz) is records, a packed text its text; any other file is an item.",
        metavar="PATH",
        show_default=False,
    ),
]
Field: TypeAlias = Annotated[str, typer.Option(help="The field of JSONL, CSV and Parquet rows that holds the item.")]
Whole: TypeAlias = Annotated[bool, typer.Option("--whole", help="Take every file as one item, as it stands.")]
Workers: TypeAlias = Annotated[
    int, typer.Option(help="Processes that share the files (a file is one process's), all at one position.", min=1)
]
SnapshotDir: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--snapshot",
        help="Ask this pulled snapshot, and no registry.",
        metavar="DIR",
        exists=True,
        file_okay=False,
        show_default=False,
    ),
]
Confirm: TypeAlias = Annotated[
    bool, typer.Option("--confirm", help="Ask the registry too about what the snapshot calls human.")
]
Policy: TypeAlias = Annotated[
    PolicyName,
    typer.Option(help="How claims amount to a verdict: strict, or pessimistic (any claim of a model's output counts)."),
]
AsOf: TypeAlias = Annotated[
    int | None, typer.Option(help="Ask as the log stood at this position.", min=0, show_default="now")
]
DatasetArgument: TypeAlias = Annotated[
    str, typer.Argument(help="organization/name", parser=usage(_dataset), metavar="ORG/NAME", show_default=False)
]
DatasetOption: TypeAlias = Annotated[
    str,
    typer.Option("--dataset", help="The dataset.", parser=usage(_dataset), metavar="ORG/NAME", show_default=False),
]
ModelArgument: TypeAlias = Annotated[
    str,
    typer.Argument(
        help="organization/name@version", parser=usage(_model), metavar="ORG/NAME@VERSION", show_default=False
    ),
]
ModelOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--model",
        help="They are this model's output.",
        parser=usage(_model),
        metavar="ORG/NAME@VERSION",
        show_default=False,
    ),
]
MixId: TypeAlias = Annotated[
    str, typer.Argument(metavar="MIX", help="The mix's id: 32 hexadecimal digits.", show_default=False)
]
When: TypeAlias = Annotated[
    datetime | None,
    typer.Option(parser=usage(moment), metavar="DATE", help="A date, or a time with its zone.", show_default=False),
]
