"""Many runs over worker processes, all in one registry.

Each worker computes on one thread: tiny problems are slower on more (the papers' notebook tenfold), and a run's bytes
must not depend on how many others play beside it. A run may be stopped anywhere, so Ctrl-C simply ends the workers.
"""

import contextlib
import itertools
import os
import shutil
import signal
import threading
import traceback
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from multiprocessing.queues import SimpleQueue
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn
from rich.progress import Task as ProgressTask
from rich.text import Text

from firsthand.client import Client
from simulator.config import Experiment, encode
from simulator.runs import checkpoints, registry_process
from simulator.runs.checkpoints import Plan
from simulator.runs.registry_process import Address

Rounds = SimpleQueue[tuple[str, int]]

#: Where a failed run leaves the traceback of its error.
DETAILS = "error.txt"

_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


@dataclass(frozen=True)
class Failure:
    """A run that did not reach its last round, and why."""

    folder: Path
    reason: str


def plan(experiment: Experiment, out: Path, place: str | None = None, command: str = "") -> list[Path]:
    """Write each run's plan into a folder of its own under `out`, and answer the folders.

    `place` is the registry's address; without one the runs share a registry in `out/registry`. A run that has a folder
    keeps it, and goes on where it stands.
    """
    folders = [out / run.name for run in experiment.runs]
    for folder, run in zip(folders, experiment.runs, strict=True):
        if not (folder / "run.json").exists():
            checkpoints.save_plan(folder, Plan(encode(run), place or "../registry", str(Path.cwd()), command))
    return folders


def play(
    folders: Sequence[Path], workers: int, console: Console, *, quiet: bool = False, keep: bool = True
) -> list[Failure]:
    """Play every run that is not finished, `workers` at once, and answer what failed; the others are played on.

    Without `keep` a run that is finished loses its items, which can be gigabytes, and nothing that is told of it.
    Raises KeyboardInterrupt when interrupted (everything can be resumed), RegistryDiedError if no registry starts.
    """
    failures = []
    with _progress(folders, console, quiet) as progress:
        for (place, _), group in itertools.groupby(unfinished(folders), key=_setting_of):
            runs = list(group)
            with registry_process.at(place, Path()) as address, _single_threads():
                failures += _play_at(address, runs, min(workers, len(runs)), progress, keep)
    return failures


def _play_at(address: Address, folders: Sequence[Path], workers: int, progress: "_Rounds", keep: bool) -> list[Failure]:
    context = get_context("spawn")
    rounds: Rounds = context.SimpleQueue()
    reader, writer = context.Pipe(duplex=False)
    pool = ProcessPoolExecutor(workers, context, _start_worker, (address, reader, rounds, keep))
    try:
        futures = {pool.submit(_play_one, folder): folder for folder in folders}
        _watch(list(futures), rounds, progress)
    except BaseException:
        writer.close()  # ends every worker, wherever it is
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        writer.close()
        reader.close()
    return [Failure(folder, reason) for future, folder in futures.items() if (reason := _reason(future))]


def _watch(futures: Sequence["Future[None]"], rounds: Rounds, progress: "_Rounds") -> None:
    """Show rounds as they come in until all runs have ended."""
    running = set(futures)
    while running:
        _, running = wait(running, timeout=0.2)
        while not rounds.empty():
            progress.done(*rounds.get())


def _reason(future: "Future[None]") -> str | None:
    error = future.exception()
    if isinstance(error, BrokenProcessPool):
        return "a worker process was killed; if by a lack of memory, use fewer --workers"
    return None if error is None else str(error) or repr(error)


class _Worker:
    """What a worker process knows; set once when it starts."""

    address: Address
    rounds: Rounds
    keep: bool


def _start_worker(address: Address, parent: Connection, rounds: Rounds, keep: bool) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent hears Ctrl-C, and ends the workers by its pipe
    _Worker.address, _Worker.rounds, _Worker.keep = address, rounds, keep
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: Connection) -> None:
    """End this process as soon as the parent closes its end of the pipe, or is killed: runs survive being cut off."""
    with contextlib.suppress(EOFError, OSError):
        parent.recv()
    os._exit(130)


def _play_one(folder: Path) -> None:
    from simulator.runs import rounds  # families bring torch, which the parent can do without

    details = folder / DETAILS
    details.unlink(missing_ok=True)
    try:
        with Client(_Worker.address.url, _Worker.address.api_key) as client:
            rounds.play(folder, client, lambda round: _Worker.rounds.put((str(folder), round)))
        if not _Worker.keep:
            shutil.rmtree(folder / "contents")
    except Exception:
        details.write_text(traceback.format_exc())
        raise


def unfinished(folders: Sequence[Path]) -> list[Path]:
    """The folders whose runs have rounds left, those of one setting together."""
    return sorted((folder for folder in folders if _left(folder)), key=_setting_of)


def _left(folder: Path) -> int:
    return _total(folder) - _done(folder)


def _total(folder: Path) -> int:
    return int(checkpoints.load_plan(folder).config["generations"]) + 1


def _done(folder: Path) -> int:
    state = checkpoints.load(folder)
    return 0 if state is None else state.round + 1


def _setting_of(folder: Path) -> tuple[str, str]:
    """The address of a run's registry, or the absolute folder of the one that it serves itself; where it was ordered.

    A worker keeps what it has read by the path that was typed, and so plays runs of one directory alone.
    """
    plan = checkpoints.load_plan(folder)
    served = plan.registry.startswith(("http://", "https://"))
    return plan.registry if served else os.path.normpath(folder.resolve() / plan.registry), plan.directory


@contextlib.contextmanager
def _single_threads() -> Iterator[None]:
    """Have the processes started in this block compute on one thread each."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value


class _Rate(ProgressColumn):
    """Rounds a second."""

    def render(self, task: ProgressTask) -> Text:
        return Text(f"{task.speed:.1f} rounds/s" if task.speed else "", style="progress.data.speed")


class _Rounds:
    """The progress of all runs together, in rounds."""

    def __init__(self, progress: Progress, folders: Sequence[Path]) -> None:
        self._progress = progress
        self._done = {str(folder): _done(folder) for folder in folders}
        total = sum(_total(folder) for folder in folders)
        self._task = progress.add_task(f"{len(folders)} runs", total=total, completed=sum(self._done.values()))

    def done(self, folder: str, round: int) -> None:
        """A run has saved a round."""
        advanced, self._done[folder] = round + 1 - self._done[folder], round + 1
        self._progress.update(self._task, advance=advanced, description=f"{Path(folder).name}, round {round}")


@contextlib.contextmanager
def _progress(folders: Sequence[Path], console: Console, quiet: bool) -> Iterator[_Rounds]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), _Rate(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=quiet, transient=True) as progress:
        yield _Rounds(progress, folders)
