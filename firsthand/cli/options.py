"""The options and arguments that several commands share."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal, TypeAlias, TypeVar

import typer
from pydantic import TypeAdapter, ValidationError

from firsthand.core.names import Kind, check_id, parse_dataset, parse_model
from firsthand.core.verdicts import PolicyName
from firsthand.schemas.base import Moment
from firsthand.schemas.explain import explain

Given = TypeVar("Given")
Parsed = TypeVar("Parsed")
Choice = TypeVar("Choice", bound=str)
_MOMENT: TypeAdapter[datetime] = TypeAdapter(Moment)


def usage(parse: Callable[[Given], Parsed], option: str | None = None) -> Callable[[Given], Parsed]:
    """Return a parser for typer that calls `parse`, and converts its ValueError into a usage error of `option`.

    The message stays the same. If the error is a validation error of pydantic, the message is rewritten in plain words.
    """

    def parsed(given: Given) -> Parsed:
        try:
            return parse(given)
        except ValidationError as error:
            raise typer.BadParameter(explain(error), param_hint=option) from None
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint=option) from None

    return parsed


def choices(given: Sequence[str], allowed: Sequence[Choice], option: str) -> list[Choice]:
    """Return the values that the user gave for an option that can be repeated, in the order of `allowed`.

    Raises a usage error for a value that is not in `allowed`.
    """
    for value in given:
        if value not in allowed:
            raise typer.BadParameter(f"{value!r}: use one of {', '.join(allowed)}", param_hint=option)
    return [choice for choice in allowed if choice in given]


def check_errors_file(on_error: str, errors: Path | None) -> None:
    """Raise a usage error if `--errors` is given without `--on-error skip`."""
    if errors is not None and on_error == "stop":
        raise typer.BadParameter(
            "this option has an effect only with --on-error skip; use --on-error skip, or omit --errors",
            param_hint="--errors",
        )


def moment(text: str) -> datetime:
    """Parse a date or a time with its zone. A date means its first second in UTC. Raises ValueError."""
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        pass
    try:
        return _MOMENT.validate_python(text)
    except ValidationError:
        raise ValueError(
            f"{text!r}: use a date such as 2026-01-31, or a time with its zone such as 2026-01-31T12:00:00Z"
        ) from None


#: A unit of a duration → its number of seconds.
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}


def duration(text: str) -> timedelta:
    """Parse a duration: a number and its unit, such as 90s, 30m, 24h or 7d. Raises ValueError."""
    number, unit = text[:-1], text[-1:]
    if not (number.isascii() and number.isdigit() and len(number) <= 9 and unit in _UNITS):
        raise ValueError(f"{text!r}: use a number and its unit (s, m, h or d), such as 30m, 24h or 7d")
    return timedelta(seconds=int(number) * _UNITS[unit])


def later_moment(text: str) -> datetime:
    """Parse a date, a time with its zone, or a duration from now on, such as 90d. Raises ValueError."""
    try:
        return datetime.now(UTC).replace(microsecond=0) + duration(text)
    except OverflowError:
        raise ValueError(f"{text!r} ends after the year 9999; use a shorter duration") from None
    except ValueError:
        pass
    try:
        return moment(text)
    except ValueError:
        raise ValueError(
            f"{text!r}: use a duration with its unit (s, m, h or d) such as 90d, a date such as "
            "2026-12-31, or a time with its zone such as "
            "2026-12-31T12:00:00Z"
        ) from None


def share(text: str) -> float:
    """Parse a share between 0 and 1. Raises ValueError."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise ValueError(f"{text!r}: use a number between 0 and 1, such as 0.3 for 30 %")
    return value


def not_empty(text: str) -> str:
    """Return an id or a name for the path of a request. Raises ValueError if it is empty."""
    if not text.strip():
        raise ValueError("the value is empty; if it comes from a shell variable, check that the variable is set")
    return text


def id_of(kind: Kind) -> Callable[[str], str]:
    """Return a parser for typer that checks the id of a key, a mix or a snapshot."""
    return usage(lambda text: check_id(kind, not_empty(text)))


def _dataset(text: str) -> str:
    return str(parse_dataset(text))


def _model(text: str) -> str:
    return str(parse_model(text))


Json: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print JSON. A list is printed as JSON Lines: one object per line.")
]
KeyOnly: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--key-only", help="Print only the key, for a variable of a script: key=$(… --key-only). Instead of --json."
    ),
]
Paths: TypeAlias = Annotated[
    list[str],
    typer.Argument(
        help="Files, folders or URLs, such as s3://bucket/crawl/. Hidden files in folders are skipped. Each row of"
        " JSONL, CSV, TSV, Parquet and WARC files is one item; any other file (a text, an image) is one item."
        " JSONL, CSV, TSV and text files can be compressed (.gz, .zst, .bz2, .xz), and so can WARC (.gz, .zst).",
        metavar="PATH",
        show_default=False,
    ),
]
Field: TypeAlias = Annotated[
    str,
    typer.Option(
        help="The field (column) that holds the item in each row of JSONL, CSV, TSV and Parquet files, such as answer."
    ),
]
Whole: TypeAlias = Annotated[
    bool, typer.Option("--whole", help="Treat every file as one item, without reading rows or decompressing.")
]
OnErrorOption: TypeAlias = Annotated[
    Literal["stop", "skip"],
    typer.Option(
        help="What to do with a row or a file that cannot be read. stop: end with an error. skip: count it as one"
        " unknown item, and go on."
    ),
]
Errors: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--errors",
        help="With --on-error skip: write the rows and files that cannot be read to this file, such as bad.jsonl. Each"
        " line is a JSON object with file, row (null for a file as a whole) and reason.",
        metavar="FILE",
        dir_okay=False,
        show_default=False,
    ),
]
Workers: TypeAlias = Annotated[
    int, typer.Option(help="The number of processes, such as 8. Each file is read by one process.", min=1)
]
SnapshotDir: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--snapshot",
        help="The folder of a downloaded snapshot, such as snapshot/. It is used instead of the registry.",
        metavar="DIR",
        exists=True,
        file_okay=False,
        show_default=False,
    ),
]
Confirm: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--confirm", help="With --snapshot: if the snapshot answers human, use the verdict of the registry instead."
    ),
]
Policy: TypeAlias = Annotated[
    PolicyName,
    typer.Option(
        help="How claims become a verdict. strict: an item with model and human claims is contested. pessimistic: an"
        " item with any model claim gets the verdict model."
    ),
]
AsOf: TypeAlias = Annotated[
    int | None, typer.Option(help="Use the state of the log at this position, such as 1200.", min=0, show_default="now")
]
DatasetArgument: TypeAlias = Annotated[
    str,
    typer.Argument(
        help="The dataset, such as acme/web.", parser=usage(_dataset), metavar="ORG/NAME", show_default=False
    ),
]
DatasetOption: TypeAlias = Annotated[
    str,
    typer.Option(
        "--dataset",
        help="The dataset, such as acme/web.",
        parser=usage(_dataset),
        metavar="ORG/NAME",
        show_default=False,
    ),
]
ModelArgument: TypeAlias = Annotated[
    str,
    typer.Argument(
        help="The model, such as acme/writer@1.", parser=usage(_model), metavar="ORG/NAME@VERSION", show_default=False
    ),
]
ModelOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--model",
        help="The items are the output of this model, such as acme/writer@1.",
        parser=usage(_model),
        metavar="ORG/NAME@VERSION",
        show_default=False,
    ),
]
MixId: TypeAlias = Annotated[
    str,
    typer.Argument(
        metavar="MIX",
        help="The id of the mix: 32 hexadecimal digits.",
        parser=id_of("mix"),
        show_default=False,
    ),
]
ServedFrom: TypeAlias = Annotated[
    datetime | None,
    typer.Option(
        parser=usage(moment),
        metavar="DATE",
        help="When the model was first served: a date such as 2026-01-31, or a time with its zone. Items that were"
        " collected earlier cannot be its output. Default: not known.",
        show_default=False,
    ),
]
