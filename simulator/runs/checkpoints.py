"""The saved plan and state of a run. A run that is killed at any time, and then resumed, writes the same results."""

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from firsthand.files.atomic import write_bytes


@dataclass(frozen=True)
class State:
    """The state of a run after its last saved round."""

    position: int
    """position of the log after the round's registrations; the next round selects its mix at this position"""
    generations: tuple[int, ...]
    """generation of the output of each round; `generations[0]` is 0, that of the human data"""
    results_bytes: int
    """bytes of `results.jsonl` up to the end of this round's row; later bytes are from an unfinished round"""

    @property
    def round(self) -> int:
        """The number of the last saved round."""
        return len(self.generations) - 1


@dataclass(frozen=True)
class Plan:
    """The plan of a run: its configuration, its registry, and the directory of the files that it names."""

    config: dict[str, Any]
    registry: str
    """URL of a registry, or data folder (relative to the run's folder) of a registry that is started for the run"""
    directory: str
    """directory to which the paths of the user's own files are relative"""
    command: str = ""
    """the command that planned the run"""


def save(folder: Path, state: State) -> None:
    """Save the state of a run. The old state is replaced atomically."""
    write_bytes(folder / "state.json", json.dumps(asdict(state)).encode(), sync=True)


def load(folder: Path) -> State | None:
    """Return the last saved state of a run; None if no round is saved."""
    with contextlib.suppress(FileNotFoundError):
        saved = json.loads((folder / "state.json").read_bytes())
        return State(saved["position"], tuple(saved["generations"]), saved["results_bytes"])
    return None


def save_plan(folder: Path, plan: Plan) -> None:
    """Save the plan of a run before the run begins. Create its folder if necessary."""
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(folder / "run.json", json.dumps(asdict(plan), indent=1).encode(), sync=True)


def load_plan(folder: Path) -> Plan:
    """Return the plan of a run. Raises ValueError if `folder` is not the folder of a run."""
    try:
        return Plan(**json.loads((folder / "run.json").read_bytes()))
    except FileNotFoundError:
        raise ValueError(
            f"{folder} is not the folder of a run, because it has no file run.json: give the folder of a run"
        ) from None


@contextlib.contextmanager
def in_directory_of(plan: Plan) -> Iterator[None]:
    """Change to the directory where a run was planned, because the paths of the user's files are saved as typed.

    If this directory does not exist, for example on another machine, the paths are relative to the current directory.
    There could be other files with the same paths, so a run that is resumed compares the digests of the files.
    """
    with contextlib.chdir(plan.directory if Path(plan.directory).is_dir() else "."):
        yield


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock a run's folder until the block ends, because lines from two processes would be mixed in its files.

    The lock ends too if the process ends. Raises RuntimeError if another process has locked the folder.
    """
    with (folder / "lock").open("a") as file:
        try:
            _lock(file.fileno())
        except OSError:
            raise RuntimeError(
                f"another process is working on the run in {folder}: wait until that process ends, or stop it"
            ) from None
        yield


def _lock(descriptor: int) -> None:
    if os.name == "posix":
        import fcntl  # Windows does not have this module: there, a run is not locked

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
