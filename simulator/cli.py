"""`firsthand simulate`: run, resume, report, reproduce, list, demo."""

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
from firsthand.core.control_characters import escape_controls
from firsthand.errors import FirsthandError
from simulator import demo, names, options, report
from simulator.config import Experiment
from simulator.report import tables
from simulator.reproductions import catalog, make
from simulator.reproductions.base import SIZES, Size
from simulator.reproductions.table_text import agreement, as_terminal_tables
from simulator.runs import checkpoints, results, sweeps
from simulator.runs.registry_process import RegistryDiedError

app = typer.Typer(
    name="simulate",
    help="Simulate recursive training: models train on the output of earlier models. A registry selects the data.",
    epilog="Start with: firsthand simulate demo",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_show_locals=False,
)

Out = Annotated[
    Path | None,
    typer.Option(
        "--out",
        help="Folder for the runs and their registry, such as runs/digits. In the default, NAME is the name of the"
        " experiment.",
        show_default="runs/NAME",
    ),
]
Registry = Annotated[
    str | None,
    typer.Option(
        help="URL of a registry to use, such as http://127.0.0.1:8734. By default, the command starts a registry for"
        " the runs, and stops it at the end.",
        show_default=False,
    ),
]
Workers = Annotated[
    int,
    typer.Option(
        min=1, help="Number of worker processes, such as 2. Each process uses one thread.", show_default="all cores"
    ),
]
Device = Annotated[
    str | None,
    typer.Option(help="Device that computes the neural networks: cpu, cuda or cuda:1.", show_default="cpu"),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the result as JSON, and show no progress.")]
Runs = Annotated[
    list[Path],
    typer.Argument(
        help="Folders of runs, which have a run.json, or folders that contain such folders, such as runs/digits.",
        metavar="RUN…",
    ),
]

_CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@app.command()
def run(
    experiment: Annotated[
        str | None,
        typer.Argument(
            help="A YAML file with the options, such as experiment.yaml, or a name that a Python file defines, such as"
            " mine.py:experiment. By default, the options alone describe the experiment.",
            metavar="EXPERIMENT",
            show_default=False,
        ),
    ] = None,
    family: Annotated[
        str | None,
        typer.Option(
            help="Family of models, with its settings, such as gaussian, gmm:components=5 or mine.py:MyFamily.",
            show_default="gaussian",
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            help="Human data, with its settings, such as normal, blobs:blobs=3, digits, idx:FOLDER or "
            "mine.py:MyCorpus.",
            show_default="normal",
        ),
    ] = None,
    regimes: Annotated[
        list[str] | None,
        typer.Option(
            "--regime",
            help="Rule that selects the training mix of each round, with its settings, such as replace or preserve:0.1."
            " Repeat the option to compare regimes.",
            show_default="replace",
        ),
    ] = None,
    seeds: Annotated[
        str | None,
        typer.Option(
            help="Number of seeds, such as 5, or a list of seeds, such as 3,7,11. Every regime runs with every seed.",
            show_default="1",
        ),
    ] = None,
    generations: Annotated[
        int | None,
        typer.Option(
            help="Number of rounds, such as 20. Each round trains one generation of models.", show_default="10"
        ),
    ] = None,
    n: Annotated[
        int | None,
        typer.Option(
            help="Number of items that each model trains on, and number of items that it generates, such as 100.",
            show_default="1000",
        ),
    ] = None,
    chains: Annotated[
        int | None,
        typer.Option(
            help="Number of independent chains of models in a run, such as 500. In each round, all chains train on the"
            " same selected items.",
            show_default="1",
        ),
    ] = None,
    human: Annotated[
        int | None,
        typer.Option(help="Number of human items that are registered before round 1, such as 2000.", show_default="n"),
    ] = None,
    world: Annotated[
        str | None,
        typer.Option(
            help="World, with its settings, such as truthful or commons:0.1,registered=0.5. The world decides which"
            " items are made in a round, and which claims on these items are registered.",
            show_default="truthful",
        ),
    ] = None,
    out: Out = None,
    registry: Registry = None,
    workers: Workers = _CORES,
    device: Device = None,
    as_json: AsJson = False,
) -> None:
    """Run an experiment: run every regime with every seed. A registry selects all training sets.

    Describe the experiment with the options below, with a YAML file, or with a name in a Python file. A YAML file has
    the same names as the options, but `regimes` instead of `--regime`; an option replaces a value of the file. The
    value of the name in a Python file must be an Experiment, a Run, a list of runs, or a function that returns one of
    these.

    The command skips finished runs, and resumes stopped runs.

    ```
    firsthand simulate run --regime replace --regime fresh:0.1 --n 100 --chains 500
    firsthand simulate run --family gmm --data digits --regime preserve:0.2 --seeds 10 --out runs/digits
    firsthand simulate run experiment.yaml --seeds 20
    firsthand simulate run mine.py:experiment
    ```
    """
    typed = {
        "family": family,
        "data": data,
        "regimes": regimes,
        "generations": generations,
        "n": n,
        "chains": chains,
        "human": human,
        "world": world,
        "seeds": None if seeds is None else usage(options.seeds, "--seeds")(seeds),
    }
    with _explained():
        chosen = options.read(experiment, {name: value for name, value in typed.items() if value is not None})
        folders = sweeps.plan(_on_device(chosen, device), out or Path("runs") / chosen.name, registry, _command_line())
        _play_and_show(folders, workers, as_json)


@app.command()
def resume(runs: Runs, workers: Workers = _CORES, as_json: AsJson = False) -> None:
    """Resume runs that were stopped or that failed. Finished runs do not change.

    ```
    firsthand simulate resume runs/digits
    ```
    """
    with _explained():
        _play_and_show(_run_folders(runs), workers, as_json)


@app.command(name="report")
def report_(
    runs: Runs,
    out: Annotated[Path, typer.Option(help="The HTML file to write, such as digits.html.")] = Path("report.html"),
    as_json: AsJson = False,
) -> None:
    """Write the results of runs as one HTML page, and its figure as an SVG file with the same name.

    The page needs no network and no other file.

    ```
    firsthand simulate report runs/digits --out report.html
    ```
    """
    with _explained():
        folders = _run_folders(runs)
        written = report.write(folders, out, command=checkpoints.load_plan(folders[0]).command)
    if as_json:
        typer.echo(json.dumps({"runs": [str(folder) for folder in folders], "report": str(written)}))
    else:
        _messages().print(f"Wrote {escape(str(written))}")


@app.command()
def reproduce(
    name: Annotated[
        str,
        typer.Argument(
            help="Name of a result, such as gaussian-theory. `firsthand simulate list` prints all names.",
            metavar="NAME",
        ),
    ],
    size: Annotated[
        Size,
        typer.Option(
            help="Size of the experiment. smoke: seconds, to check that it works. standard: minutes, up to one hour."
            " full: up to several hours, at the size of the paper."
        ),
    ] = "standard",
    out: Annotated[
        Path | None,
        typer.Option(
            help="Folder for the results: the table, the figure, the measurements of all runs (rows.jsonl), and "
            "the folders of the runs.",
            show_default="results/NAME, or results/NAME-SIZE",
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            help="Path of your own data, for two results only. vae-paper: a folder with the files of MNIST. lm-paper: a"
            " text file, or a folder of text files.",
            show_default=False,
        ),
    ] = None,
    registry: Registry = None,
    workers: Workers = _CORES,
    device: Device = None,
    as_json: AsJson = False,
) -> None:
    """Reproduce a result of the literature or of Firsthand, and write its table, its figure and its measurements.

    If the command is interrupted, run it again: it skips finished runs and resumes the others. When a run is finished,
    its items are deleted, because the items of all runs would fill a disk. Its measurements and pictures are kept.

    ```
    firsthand simulate reproduce gaussian-theory
    firsthand simulate reproduce how-much-must-we-know --size smoke
    ```
    """
    with _explained():
        reproduction = catalog.find(name)
        label = "-".join([name, *([Path(data).stem] if data else []), *([size] if size != "standard" else [])])
        folder = out or Path("results") / label
        experiment = _on_device(make.experiment(reproduction, size, data), device)
        folders = sweeps.plan(experiment, folder / "runs", registry, _command_line())
        _stop_at_failures(_play(folders, workers, as_json, keep=False))
        table = make.write(reproduction, size, folders, folder, _command_line())
        sentences = make.conclusions(reproduction, table)
    if as_json:
        rows = [{k: None if v != v else v for k, v in dataclasses.asdict(row).items()} for row in table.rows]
        typer.echo(json.dumps({"result": str(folder), "verdicts": agreement(table.rows), "table": rows}))
        return
    page = _results()
    page.print(f"[bold]{escape(name)}[/]: {escape(reproduction.question)}\n", highlight=False)
    page.print(escape(make.caption(reproduction, table)), highlight=False)
    for sentence in sentences:
        page.print(f"- {escape(sentence)}", highlight=False)
    for terminal_table in as_terminal_tables(table):
        page.print(terminal_table)
    _messages().print(f"Wrote table.csv, table.md, rows.jsonl, figure.png and figure.svg to {escape(str(folder))}")


@app.command(name="list")
def list_(as_json: AsJson = False) -> None:
    """List families, data, regimes and worlds with their settings, and the named results.

    In an option of `simulate run`, write the settings after the name and a colon: preserve:0.1 or
    gmm:components=5,restarts=2.

    ```
    firsthand simulate list
    ```
    """
    kinds = {
        "family": names.FAMILIES,
        "data": names.CORPORA,
        "regime": names.REGIMES,
        "world": names.WORLDS,
    }
    entries = [_entry(kind, name, known[name]) for kind, known in kinds.items() for name in known]
    if as_json:
        reproductions = [
            {"kind": "reproduce", "name": r.name, "help": r.question, "source": r.source, "minutes": r.minutes}
            for r in catalog.every()
        ]
        typer.echo(json.dumps(entries + reproductions))
        return
    table = Table("kind", "name", "description", "settings", title_justify="left")
    for kind in kinds:
        for number, entry in enumerate(entry for entry in entries if entry["kind"] == kind):
            settings = escape(", ".join(entry["settings"]))
            table.add_row("" if number else kind, entry["name"], escape(entry["help"]), settings)
        table.add_section()
    _results().print(table)
    columns = (f"{size}, minutes" for size in SIZES)
    named = Table("reproduce", "question", *columns, title_justify="left")
    for reproduction in catalog.every():
        minutes = (f"{reproduction.minutes[size]:g}" for size in SIZES)
        named.add_row(reproduction.name, escape(reproduction.question), *minutes)
    _results().print(named)


@app.command(name="demo")
def demo_(
    seeds: Annotated[
        int, typer.Option(min=1, help="Number of seeds, such as 20. Every regime runs with every seed.")
    ] = demo.FULL.seeds,
    generations: Annotated[
        int, typer.Option(min=1, help="Number of rounds, such as 5. Each round trains one generation of models.")
    ] = demo.FULL.generations,
    out: Annotated[
        Path, typer.Option(help="Folder for the runs, their registry and the report, such as demo-20.")
    ] = Path("demo"),
    workers: Workers = _CORES,
    smallest: Annotated[
        bool,
        typer.Option(
            "--smallest",
            help="Run a small version that takes a few seconds, to check the installation. It ignores --seeds and"
            " --generations.",
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run the demo: train ten generations of models of handwritten digits under each of four regimes.

    The demo prints a table, and writes report.html in the folder of `--out`. It takes less than two minutes on two
    cores.

    ```
    firsthand simulate demo
    firsthand simulate demo --seeds 20 --out demo-20
    ```
    """
    size = demo.SMALLEST if smallest else demo.DemoSize(seeds, generations, demo.FULL.n)
    with _explained():
        started = time.monotonic()
        folders = sweeps.plan(demo.experiment(size), out, command=_command_line())
        page = _play_and_show(folders, workers, as_json, demo.METRICS, out / "report.html")
        _messages().print(f"Wrote {escape(str(page))} ({time.monotonic() - started:.0f} s)")


def _play_and_show(
    folders: Sequence[Path],
    workers: int,
    as_json: bool,
    metrics: Sequence[str] = (),
    page: Path | None = None,
) -> Path | None:
    """Compute runs, print their results, and write the report to `page` if it is given. Return the path of the report.

    Return None if `page` is None. If a run failed, no report is written, and the command ends with status 1.
    """
    failures = _play(folders, workers, as_json)
    failed = {failure.folder for failure in failures}
    played = [results.read(folder) for folder in folders if folder not in failed]
    written = None if failures or page is None else report.write(folders, page, command=_command_line())
    longest = max((len(run.rows) - 1 for run in played), default=0)
    cells = tables.cells(played, range(longest + 1) if as_json else tables.milestones(longest), metrics)
    if as_json:
        summary: dict[str, Any] = {
            "runs": [{"folder": str(run.folder), "regime": run.regime, "seed": run.seed} for run in played],
            "failures": [{"folder": str(failure.folder), "reason": failure.reason} for failure in failures],
            "table": tables.as_json(cells),
        }
        typer.echo(json.dumps(summary | ({"report": str(written)} if written else {})))
    elif played:
        _results().print(tables.render(cells, tables.title(played)))
    _stop_at_failures(failures)
    return written


def _play(folders: Sequence[Path], workers: int, as_json: bool, *, keep: bool = True) -> list[sweeps.RunFailure]:
    if not sweeps.unfinished(folders):
        _messages().print(
            "All these runs are already finished, so nothing was computed. To repeat a run, remove its folder, "
            "then run the command again."
        )
    return sweeps.play(folders, workers, _messages(), quiet=as_json, keep=keep)


def _stop_at_failures(failures: Sequence[sweeps.RunFailure]) -> None:
    """Print the failed runs and how to resume them. If there are any, end the command with status 1."""
    for failure in failures:
        _messages().print(
            f"[red]{escape(failure.folder.name)} failed:[/] {escape(escape_controls(failure.reason, keep=chr(10)))}"
        )
        if (failure.folder / sweeps.DETAILS).exists():
            _messages().print(f"  (traceback: {escape(str(failure.folder / sweeps.DETAILS))})")
    if failures:
        command = shlex.join(str(failure.folder) for failure in failures)
        _messages().print(f"To try again: firsthand simulate resume {escape(command)}")
        raise typer.Exit(1)


def _on_device(experiment: Experiment, device: str | None) -> Experiment:
    return experiment if device is None else options.on_device(experiment, device)


def _entry(kind: str, name: str, reference: str) -> dict[str, Any]:
    settings = [
        field.name if field.default is dataclasses.MISSING else f"{field.name}={field.default}"
        for field in dataclasses.fields(names.resolve(reference))
    ]
    return {"kind": kind, "name": name, "help": names.summary(reference), "settings": settings}


def _run_folders(folders: Sequence[Path]) -> list[Path]:
    """Return the folders of runs. A folder that contains folders of runs is replaced by these folders.

    Raises ValueError if a folder is not the folder of a run and contains none.
    """
    run_folders = []
    for folder in folders:
        inner = (
            [folder] if (folder / "run.json").exists() else sorted(path.parent for path in folder.glob("*/run.json"))
        )
        if not inner:
            raise ValueError(
                f"{folder} has no run: give the folder of a run, which contains a file run.json, or a folder that "
                "contains folders of runs, such as runs/digits"
            )
        run_folders += inner
    return run_folders


def _command_line() -> str:
    return shlex.join(["firsthand", *sys.argv[1:]])


def _results() -> Console:
    """Return the console for results. It has 120 columns in a pipe, because a table needs more than the default 80."""
    return Console() if sys.stdout.isatty() else Console(width=120)


def _messages() -> Console:
    """Return the console for progress and messages: standard error, so that results can be piped."""
    return Console(stderr=True, soft_wrap=True, highlight=False)


@contextlib.contextmanager
def _explained() -> Iterator[None]:
    """Catch an error that a user can correct: print its message without a traceback, and end with status 1.

    After Ctrl-C, print how to resume, and end the command with status 130.
    """
    try:
        yield
    except (ValueError, FirsthandError, RegistryDiedError) as error:
        message = options.explain(error) if isinstance(error, ValueError) else str(error)
        _messages().print(f"[red]Error:[/] {escape(escape_controls(message, keep=chr(10)))}")
        raise typer.Exit(1) from None
    except KeyboardInterrupt:
        _messages().print("Stopped. To resume, run the same command again, or use firsthand simulate resume.")
        raise typer.Exit(130) from None
