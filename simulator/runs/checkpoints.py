"""The saved state of a run: a run that is killed at any time and resumed writes the same results."""

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
    """The state of a run after a round that is saved completely."""

    position: int
    """the position after the round's registrations, at which the next round selects its mix"""
    generations: tuple[int, ...]
    """generation of each round's output; `generations[0]` is the human data's"""
    results_bytes: int
    """length of `results.jsonl` up to this round's row; later bytes belong to an unfinished round"""

    @property
    def round(self) -> int:
        """The last saved round."""
        return len(self.generations) - 1


@dataclass(frozen=True)
class Plan:
    """A planned run: its configuration, and where to find what the configuration names."""

    config: dict[str, Any]
    registry: str
    """the URL of a registry; or, relative to the run's folder, the data folder of one that is started for the run"""
    directory: str
    """the directory that paths of a user's own files are relative to"""
    command: str = ""
    """the command that planned the run"""


def save(folder: Path, state: State) -> None:
    """Replace the run's state in one step."""
    write_bytes(folder / "state.json", json.dumps(asdict(state)).encode(), sync=True)


def load(folder: Path) -> State | None:
    """Return the last saved state; None if no round is saved."""
    with contextlib.suppress(FileNotFoundError):
        saved = json.loads((folder / "state.json").read_bytes())
        return State(saved["position"], tuple(saved["generations"]), saved["results_bytes"])
    return None


def save_plan(folder: Path, plan: Plan) -> None:
    """Save the plan of a run, before it starts."""
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(folder / "run.json", json.dumps(asdict(plan), indent=1).encode(), sync=True)


def load_plan(folder: Path) -> Plan:
    """Return the plan of a run. Raises ValueError if the folder is not that of a run."""
    try:
        return Plan(**json.loads((folder / "run.json").read_bytes()))
    except FileNotFoundError:
        raise ValueError(f"{folder} is not the folder of a run: the file run.json is missing") from None


@contextlib.contextmanager
def in_directory_of(plan: Plan) -> Iterator[None]:
    """Work in the directory where a run was planned, because paths of a user's files are saved as they were typed.

    If the directory does not exist (on another machine, say), paths are relative to the current one. A run that has
    begun compares the files there with the digest of its data.
    """
    with contextlib.chdir(plan.directory if Path(plan.directory).is_dir() else "."):
        yield


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock the run's folder, because two processes that write one run would mix their lines.

    Raises RuntimeError if another process has locked it. The lock ends with the process.
    """
    with (folder / "lock").open("a") as file:
        try:
            _lock(file.fileno())
        except OSError:
            raise RuntimeError(
                f"another process is playing the run in {folder}: wait until it ends, or stop it"
            ) from None
        yield


def _lock(descriptor: int) -> None:
    if os.name == "posix":
        import fcntl  # Windows does not have it; a run is not locked there

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
