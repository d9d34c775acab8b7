"""`firsthand filter`: the part of one's own files that a mix or a verdict admits."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from pydantic import BaseModel

from firsthand import filtering, sources
from firsthand.cli import options, output, session
from firsthand.client import Client
from firsthand.digests import SIZE
from firsthand.filtering import ByMix, ByVerdict
from firsthand.verdicts import VERDICTS, PolicyName, Verdict


class Report(BaseModel):
    """What was read and written."""

    files: int
    items: int
    kept: int
    #: Items of the mix that are in none of the files; null without a mix.
    missing: int | None
    #: The position that verdicts were asked at; null for a mix, which has its own.
    position: int | None
    out: str


def filter(
    paths: options.Paths,
    out: Annotated[Path, typer.Option("--out", help="The folder to write into.", metavar="DIR", show_default=False)],
    mix: Annotated[
        str | None,
        typer.Option(
            "--mix",
            help="Keep what this mix holds; an item that the mix repeats is written once.",
            metavar="MIX",
            show_default=False,
        ),
    ] = None,
    verdict: Annotated[
        list[str] | None,
        typer.Option(
            "--verdict",
            help="Keep items with this verdict: human, model, contested or unknown; may be given again.",
            autocompletion=lambda: list(VERDICTS),
            metavar="VERDICT",
            show_default=False,
        ),
    ] = None,
    field: options.Field = "text",
    whole: options.Whole = False,
    policy: options.Policy = "strict",
    as_of: options.AsOf = None,
    json: options.Json = False,
) -> None:
    """Write the part of your own files that a mix or a verdict admits.

    Files are copied; of JSONL, CSV and Parquet the admitted rows are written, unchanged, to a file of the same name.
    Of a mix each item is written once, where it is met first. A file appears under its name only when it is whole.

    ```
    firsthand filter crawl/ --verdict human --out clean/
    firsthand filter corpus.parquet --mix 0f3a… --out training/
    ```
    """
    verdicts = options.choices(verdict or [], VERDICTS, "--verdict")
    if (mix is None) == (not verdicts):
        raise typer.BadParameter("say either --mix MIX or --verdict VERDICT")
    found = sources.find(paths, whole=whole)
    with session.work() as client, output.progress("filtering", total=len(found)) as advance:
        admits = _admission(client, mix, verdicts, policy, as_of)
        report = Report(files=len(found), items=0, kept=0, missing=None, position=None, out=str(out))
        for written in filtering.write(found, field, out, admits):
            report.items, report.kept = report.items + written.items, report.kept + written.kept
            advance(written.files)
    if isinstance(admits, ByMix):
        report.missing = admits.missing
    else:
        report.position = admits.as_of
    _tell(report, json)


def _admission(
    client: Client, mix: str | None, verdicts: Sequence[Verdict], policy: PolicyName, as_of: int | None
) -> ByMix | ByVerdict:
    if mix is None:
        return ByVerdict(client, verdicts, policy, as_of)
    empty = np.empty((0, SIZE), dtype=np.uint8)
    return ByMix(np.concatenate([empty, *client.mix_digests(mix)]))


def _tell(report: Report, as_json: bool) -> None:
    if as_json:
        return output.record(report, as_json)
    output.say(f"{report.kept:,} of {output.count(report.items, 'item')} kept, in {report.out}")
    if report.missing:
        output.say(f"not in these files: {output.count(report.missing, 'item')} of the mix")
