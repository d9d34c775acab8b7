"""`firsthand simulate`: run, resume, report, list, demo."""

import contextlib
import dataclasses
import json
import os
import shlex
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from firsthand.cli.options import usage
from firsthand.errors import FirsthandError
from simulator import demo, names, options, report
from simulator.config import Experiment
from simulator.report import tables
from simulator.reproductions import catalog as reproductions
from simulator.reproductions import make
from simulator.reproductions.base import SIZES, Size
from simulator.reproductions.table import verdicts
from simulator.runs import checkpoints, results, sweeps
from simulator.runs.registry_process import RegistryDiedError

app = typer.Typer(
    name="simulate",
    help="Train generation after generation on what a registry gives, and see what becomes of it.",
    epilog="Begin with: firsthand simulate demo",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_show_locals=False,
)

Out = Annotated[Path | None, typer.Option("--out", help="Folder of the runs and their registry.", show_default=False)]
Registry = Annotated[
    str | None, typer.Option(help="Address of a registry to use; by default the runs serve one of their own.")
]
Workers = Annotated[int, typer.Option(min=1, help="Processes at once, one thread each.", show_default="all cores")]
Device = Annotated[str | None, typer.Option(help="Where networks compute: cpu, cuda …", show_default="cpu")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, and no progress.")]
Runs = Annotated[
    list[Path], typer.Argument(help="Folders of runs, or of an experiment that holds some.", metavar="RUN…")
]

_CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@app.command()
def run(
    what: Annotated[
        str | None,
        typer.Argument(help="experiment.yaml, or mine.py:experiment.", metavar="[EXPERIMENT]", show_default=False),
    ] = None,
    family: Annotated[str | None, typer.Option(help="gaussian, gmm:components=5, mine.py:MyFamily …")] = None,
    data: Annotated[
        str | None, typer.Option(help="normal, blobs:blobs=3, digits, pixels, idx:FOLDER, mine.py:MyCorpus …")
    ] = None,
    regimes: Annotated[
        list[str] | None, typer.Option("--regime", help="replace, preserve:0.1, accumulate …; may be repeated.")
    ] = None,
    seeds: Annotated[str | None, typer.Option(help="How many (5), or which (3,7,11).")] = None,
    generations: Annotated[int | None, typer.Option(help="Rounds to play.")] = None,
    n: Annotated[
        int | None, typer.Option(help="Items that a model trains on, and makes unless the world says otherwise.")
    ] = None,
    chains: Annotated[int | None, typer.Option(help="Independent lines in one run.")] = None,
    human: Annotated[int | None, typer.Option(help="Human items before round 1; n if none is given.")] = None,
    world: Annotated[str | None, typer.Option(help="truthful, commons:0.1,registered=0.5 …")] = None,
    out: Out = None,
    registry: Registry = None,
    workers: Workers = _CORES,
    device: Device = None,
    as_json: AsJson = False,
) -> None:
    """Play an experiment: every regime under every seed, through a registry.

    An experiment is options alone, a YAML file with the same names, or an Experiment, a Run, a list of runs or a
    function returning one in a Python file of your own. Runs that are finished already are skipped, and others go on
    where they stopped.

    ```
    firsthand simulate run --regime replace --regime fresh:0.1 --n 100 --chains 500
    firsthand simulate run --family gmm --data digits --regime preserve:0.2 --seeds 10 --out runs/digits
    firsthand simulate run experiment.yaml --seeds 20
    firsthand simulate run mine.py:experiment
    ```
    """
    given = _given(family=family, data=data, regimes=regimes, generations=generations, n=n, chains=chains, human=human)
    given |= _given(world=world)
    if seeds is not None:
        given["seeds"] = usage(options.seeds, "--seeds")(seeds)
    with _explained():
        experiment = _on(options.read(what, given), device)
        folder = out or Path("runs") / experiment.name
        folders = sweeps.plan(experiment, folder, registry, _command())
        _play(folders, workers, as_json)


@app.command()
def resume(runs: Runs, workers: Workers = _CORES, as_json: AsJson = False) -> None:
    """Go on with runs that were stopped, killed or failed; finished ones stay as they are.

    ```
    firsthand simulate resume runs/digits
    ```
    """
    with _explained():
        _play(_expand(runs), workers, as_json)


@app.command(name="report")
def report_(
    runs: Runs,
    out: Annotated[Path, typer.Option(help="The page to write.")] = Path("report.html"),
    as_json: AsJson = False,
) -> None:
    """Write a page that shows what happened: one file, which needs no network.

    ```
    firsthand simulate report runs/digits --out report.html
    ```
    """
    with _explained():
        folders = _expand(runs)
        written = report.write(folders, out, command=checkpoints.load_plan(folders[0]).command)
    if as_json:
        typer.echo(json.dumps({"runs": [str(folder) for folder in folders], "report": str(written)}))
    else:
        _notes().print(f"Wrote {written}")


@app.command()
def reproduce(
    name: Annotated[str, typer.Argument(help="One of: firsthand simulate list.", metavar="NAME")],
    size: Annotated[
        Size, typer.Option(help="smoke takes seconds, standard minutes, full is the paper's.")
    ] = "standard",
    out: Annotated[
        Path | None, typer.Option(help="Folder of the result.", show_default="results/NAME, or results/NAME-SIZE")
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="Your own: a folder of MNIST's files for vae-paper, text for lm-paper.")
    ] = None,
    registry: Registry = None,
    workers: Workers = _CORES,
    device: Device = None,
    as_json: AsJson = False,
) -> None:
    """Make a named result of the literature, or one that only a registry can: table, figure and rows.

    Runs that are finished already are skipped, so the same command goes on where it was stopped. The items of a
    finished run are removed, for all runs' together would fill a disk; its rows and pictures stay.

    ```
    firsthand simulate reproduce gaussian-theory
    firsthand simulate reproduce how-much-must-we-know --size smoke
    ```
    """
    with _explained():
        chosen = reproductions.find(name)
        named = "-".join([name, *([Path(data).stem] if data else []), *([size] if size != "standard" else [])])
        folder = out or Path("results") / named
        folders = sweeps.plan(_on(make.experiment(chosen, size, data), device), folder / "runs", registry, _command())
        _played(folders, workers, as_json, keep=False)
        told = make.write(chosen, size, folders, folder, _command())
    if as_json:
        rows = [{k: None if v != v else v for k, v in dataclasses.asdict(row).items()} for row in told.rows]
        typer.echo(json.dumps({"result": str(folder), "verdicts": verdicts(told.rows), "table": rows}))
        return
    _page().print((folder / "table.md").read_text(), markup=False, highlight=False)
    _notes().print(f"Wrote {folder}/table.csv, table.md, rows.jsonl, figure.png and figure.svg")


@app.command(name="list")
def list_(as_json: AsJson = False) -> None:
    """List families, data, regimes and worlds with their settings, and the results that have a name.

    A setting is written after the name: preserve:0.1, gmm:components=5,restarts=2.
    """
    kinds = {
        "family": names.FAMILIES,
        "data": names.CORPORA,
        "regime": names.REGIMES,
        "world": names.WORLDS,
    }
    entries = [_entry(kind, name, known[name]) for kind, known in kinds.items() for name in known]
    results_ = [
        {"kind": "reproduce", "name": each.name, "help": each.question, "source": each.source, "minutes": each.minutes}
        for each in reproductions.every()
    ]
    if as_json:
        typer.echo(json.dumps(entries + results_))
        return
    table = Table("", "name", "what it is", "settings", title_justify="left")
    for kind in kinds:
        for place, entry in enumerate(entry for entry in entries if entry["kind"] == kind):
            table.add_row("" if place else kind, entry["name"], entry["help"], ", ".join(entry["settings"]))
        table.add_section()
    _page().print(table)
    named = Table("reproduce", "what it answers", *(f"{size}, minutes" for size in SIZES), title_justify="left")
    for each in reproductions.every():
        named.add_row(each.name, each.question, *(f"{each.minutes[size]:g}" for size in SIZES))
    _page().print(named)


@app.command(name="demo")
def demo_(
    seeds: Annotated[int, typer.Option(min=1, help="How many seeds each regime is played with.")] = demo.FULL.seeds,
    generations: Annotated[int, typer.Option(min=1, help="Rounds to play.")] = demo.FULL.generations,
    out: Annotated[Path, typer.Option(help="Folder of the runs, their registry and the report.")] = Path("demo"),
    workers: Workers = _CORES,
    smallest: Annotated[bool, typer.Option("--smallest", help="In seconds, to see that everything works.")] = False,
    as_json: AsJson = False,
) -> None:
    """The main job: ten generations of a model of handwritten digits under four regimes, through a registry.

    Prints a table and writes report.html. Takes less than two minutes on two cores.

    ```
    firsthand simulate demo
    firsthand simulate demo --seeds 20 --out demo-20
    ```
    """
    size = demo.SMALLEST if smallest else demo.Size(seeds, generations, demo.FULL.n)
    with _explained():
        started = time.monotonic()
        folders = sweeps.plan(demo.experiment(size), out, command=_command())
        page = _play(folders, workers, as_json, demo.METRICS, out / "report.html")
        _notes().print(f"The whole story: {page} ({time.monotonic() - started:.0f} s)")


def _play(
    folders: Sequence[Path],
    workers: int,
    as_json: bool,
    metrics: Sequence[str] = (),
    page: Path | None = None,
) -> Path | None:
    """Play runs and show their results; where all of them ended well, write a `page` and answer it."""
    failures = _tried(folders, workers, as_json)
    failed = {failure.folder for failure in failures}
    played = [results.read(folder) for folder in folders if folder not in failed]
    written = None if failures or page is None else report.write(folders, page, command=_command())
    _show(played, as_json, metrics, failures, written)
    _explain(failures)
    return written


def _played(folders: Sequence[Path], workers: int, as_json: bool, *, keep: bool) -> None:
    """Play runs to their end; what failed is told, and ends the command."""
    _explain(_tried(folders, workers, as_json, keep=keep))


def _tried(folders: Sequence[Path], workers: int, as_json: bool, *, keep: bool = True) -> list[sweeps.Failure]:
    if not sweeps.unfinished(folders):
        _notes().print("Every run was finished before; to play one again, remove its folder.")
    return sweeps.play(folders, workers, _notes(), quiet=as_json, keep=keep)


def _explain(failures: Sequence[sweeps.Failure]) -> None:
    for failure in failures:
        _notes().print(f"[red]{failure.folder.name} failed:[/] {escape(failure.reason)}")
        if (failure.folder / sweeps.DETAILS).exists():
            _notes().print(f"  (traceback: {failure.folder / sweeps.DETAILS})")
    if failures:
        _notes().print(f"Go on with: firsthand simulate resume {shlex.join(str(f.folder) for f in failures)}")
        raise typer.Exit(1)


def _show(
    played: Sequence[results.Results],
    as_json: bool,
    metrics: Sequence[str],
    failures: Sequence[sweeps.Failure],
    page: Path | None,
) -> None:
    longest = max((len(run.rows) - 1 for run in played), default=0)
    cells = tables.cells(played, range(longest + 1) if as_json else tables.milestones(longest), metrics)
    if as_json:
        runs = [{"folder": str(run.folder), "regime": run.regime, "seed": run.seed} for run in played]
        failed = [{"folder": str(failure.folder), "reason": failure.reason} for failure in failures]
        told = {"runs": runs, "failures": failed, "table": tables.as_json(cells)}
        typer.echo(json.dumps(told | ({"report": str(page)} if page else {})))
    elif played:
        seeds = len({run.seed for run in played})
        _page().print(tables.render(cells, f"Mean and 95 % interval over {seeds} seeds" if seeds > 1 else "One seed"))


def _on(experiment: Experiment, device: str | None) -> Experiment:
    if device is None:
        return experiment
    from simulator.families import devices  # torch, which nobody else here needs

    return devices.on(experiment, device)


def _entry(kind: str, name: str, reference: str) -> dict[str, Any]:
    found = names.resolve(reference)
    settings = [
        field.name if field.default is dataclasses.MISSING else f"{field.name}={field.default}"
        for field in dataclasses.fields(found)
    ]
    return {"kind": kind, "name": name, "help": (found.__doc__ or "").strip().split("\n")[0], "settings": settings}


def _expand(folders: Sequence[Path]) -> list[Path]:
    """Folders of runs, and in place of an experiment's folder those in it."""
    found = []
    for folder in folders:
        inner = (
            [folder] if (folder / "run.json").exists() else sorted(path.parent for path in folder.glob("*/run.json"))
        )
        if not inner:
            raise ValueError(f"{folder} holds no run: a run's folder has a run.json, an experiment's has such folders")
        found += inner
    return found


def _given(**values: object) -> dict[str, Any]:
    """The options that were typed."""
    return {name: value for name, value in values.items() if value is not None}


def _command() -> str:
    return shlex.join(["firsthand", *sys.argv[1:]])


def _page() -> Console:
    """Where results go. A pipe has no width of its own, and a table cut to 80 columns says nothing."""
    return Console() if sys.stdout.isatty() else Console(width=120)


def _notes() -> Console:
    """Where progress and messages go, so that results can be piped."""
    return Console(stderr=True, soft_wrap=True, highlight=False)


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """Errors that a user can mend, in their own words and without a traceback."""
    try:
        yield
    except (ValueError, FirsthandError, RegistryDiedError) as error:
        message = options.explain(error) if isinstance(error, ValueError) else str(error)
        _notes().print(f"[red]Error:[/] {escape(message)}")
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        _notes().print("Stopped. The same command goes on where it stopped; so does firsthand simulate resume.")
        raise typer.Exit(130) from None
