"""Many runs at the same time, in worker processes that share one registry.

Each worker computes on one thread, for two reasons. First, small problems are slower on more threads: `gmm-notebook` is
ten times slower. Second, the results of a run must not depend on the number of other runs at the same time. Ctrl-C ends
the workers at once, because a run can be stopped at any time.
"""

import contextlib
import itertools
import os
import shutil
import traceback
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Task as ProgressTask
from rich.text import Text

from firsthand.checking.process_pool import run_unordered
from firsthand.client import Client
from simulator.config import Experiment, encode
from simulator.options import explain
from simulator.runs import checkpoints, registry_process
from simulator.runs.checkpoints import Plan
from simulator.runs.registry_process import RegistryAddress

#: The name of the file with the traceback of a failed run, in the run's folder.
DETAILS = "error.txt"

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


@dataclass(frozen=True)
class RunFailure:
    """A run that failed before its last round: its folder, and the reason."""

    folder: Path
    reason: str


def plan(experiment: Experiment, out: Path, registry: str | None = None, command: str = "") -> list[Path]:
    """Write the plan of each run into a folder of its own in the folder `out`. Return the folders.

    `registry` is the URL of a registry. If it is None, a registry with the data folder `out/registry` is started later
    for the runs. `command` is saved as the command that planned the runs. A run that already has a plan is not changed.
    """
    folders = [out / run.name for run in experiment.runs]
    for folder, run in zip(folders, experiment.runs, strict=True):
        if not (folder / "run.json").exists():
            checkpoints.save_plan(folder, Plan(encode(run), registry or "../registry", str(Path.cwd()), command))
    return folders


def play(
    folders: Sequence[Path], workers: int, console: Console, *, quiet: bool = False, keep: bool = True
) -> list[RunFailure]:
    """Compute all unfinished runs in worker processes. Return the runs that failed; the other runs continue.

    If `quiet` is true, no progress is shown. If `keep` is false, the items of a finished run are deleted, because they
    can need gigabytes; its results are kept. Raises KeyboardInterrupt after Ctrl-C (all runs can be resumed), and
    RegistryDiedError if the registry does not become ready or ends early.
    """
    failures = []
    with _progress(folders, console, quiet) as progress:
        for (location, _), group in itertools.groupby(unfinished(folders), key=_setting_of):
            runs = list(group)
            with registry_process.at(location, Path()) as address, _single_threads():
                failures += _play_at(address, runs, min(workers, len(runs)), progress, keep)
    return failures


def _play_at(
    address: RegistryAddress, folders: Sequence[Path], workers: int, progress: "_RoundProgress", keep: bool
) -> list[RunFailure]:
    reasons: dict[int, str] = {}
    with contextlib.closing(run_unordered(partial(_playing, address, keep), folders, workers)) as events:
        for event in events:
            if event.kind == "result" and isinstance(event.value, int):
                progress.advance_to(folders[event.task], event.value)
            elif event.kind == "result":
                reasons[event.task] = event.value
            elif event.kind == "lost":
                reasons[event.task] = (
                    f"its worker process ended with exit status {event.value}. Resume the run; if the machine ran out "
                    "of memory, use fewer --workers"
                )
            elif event.kind == "failed":
                reasons[event.task] = event.value.format(folders[event.task])
    return [RunFailure(folders[task], reason) for task, reason in sorted(reasons.items())]


@contextlib.contextmanager
def _playing(address: RegistryAddress, keep: bool) -> Iterator[Callable[[Path], Iterator[int | str]]]:
    """Yield the function that a worker process calls with the folder of each run."""
    yield partial(_play_one, address, keep)


def _play_one(address: RegistryAddress, keep: bool, folder: Path) -> Iterator[int | str]:
    """Compute one run, and yield the number of each saved round.

    If the run fails, the traceback is written to the file `DETAILS` in its folder, and the last value is the reason, as
    text for the terminal. If the run succeeds and `keep` is false, its items are deleted.
    """
    from simulator.runs import rounds  # imports torch for the families; the parent process does not need it

    details = folder / DETAILS
    details.unlink(missing_ok=True)
    try:
        with Client(address.url, address.api_key) as client:
            yield from rounds.play_rounds(folder, client)
        if not keep:
            shutil.rmtree(folder / "contents")
    except Exception as error:
        details.write_text(traceback.format_exc())
        yield (explain(error) if isinstance(error, ValueError) else str(error)) or repr(error)


def unfinished(folders: Sequence[Path]) -> list[Path]:
    """Return the folders of the runs that are not finished, sorted by their registry and by their directory."""
    return sorted((folder for folder in folders if _done(folder) < _total(folder)), key=_setting_of)


def _total(folder: Path) -> int:
    return int(checkpoints.load_plan(folder).config["generations"]) + 1


def _done(folder: Path) -> int:
    state = checkpoints.load(folder)
    return 0 if state is None else state.round + 1


def _setting_of(folder: Path) -> tuple[str, str]:
    """Return the registry of a run (a URL or an absolute data folder), and the directory where the run was planned.

    A worker caches files by their path as typed, so one worker must not compute runs that were planned in different
    directories.
    """
    plan = checkpoints.load_plan(folder)
    is_url = plan.registry.startswith(("http://", "https://"))
    return plan.registry if is_url else os.path.normpath(folder.resolve() / plan.registry), plan.directory


@contextlib.contextmanager
def _single_threads() -> Iterator[None]:
    """Limit each process that is started in this block to one thread for computations."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


class _RateColumn(ProgressColumn):
    """The column of the progress bar with the rounds per second."""

    def render(self, task: ProgressTask) -> Text:
        return Text(f"{task.speed:.1f} rounds/s" if task.speed else "", style="progress.data.speed")


class _RoundProgress:
    """The progress of all runs together, counted in rounds."""

    def __init__(self, progress: Progress, folders: Sequence[Path]) -> None:
        self._progress = progress
        self._done = {folder: _done(folder) for folder in folders}
        total = sum(_total(folder) for folder in folders)
        self._task = progress.add_task(f"{len(folders)} runs", total=total, completed=sum(self._done.values()))

    def advance_to(self, folder: Path, round: int) -> None:
        """Count all rounds of a run up to `round` as done."""
        advanced, self._done[folder] = round + 1 - self._done[folder], round + 1
        description = f"{escape(folder.name)}, round {round}"
        self._progress.update(self._task, advance=advanced, description=description)


@contextlib.contextmanager
def _progress(folders: Sequence[Path], console: Console, quiet: bool) -> Iterator[_RoundProgress]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        _RateColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=quiet, transient=True, redirect_stdout=False) as progress:
        yield _RoundProgress(progress, folders)
