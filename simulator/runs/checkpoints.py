"""What a run needs to go on: enough that one killed anywhere and resumed writes the same results."""

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from simulator.runs.atomic_files import write_bytes


@dataclass(frozen=True)
class State:
    """Where a run stands after a round that is saved whole."""

    position: int
    """the position that the round's registration returned: the next round's mix is asked as of it"""
    generations: tuple[int, ...]
    """generation of each round's output; `generations[0]` is the human data's"""
    results_bytes: int
    """length of `results.jsonl` up to this round's row; what stands after it was never finished"""

    @property
    def round(self) -> int:
        """The last round that is saved."""
        return len(self.generations) - 1


@dataclass(frozen=True)
class Plan:
    """A run as it was ordered: its configuration, and where it finds what the configuration names."""

    config: dict[str, Any]
    registry: str
    """the registry's address; or the folder, relative to the run's, of one that the run starts itself"""
    directory: str
    """where paths of a user's own files are relative to"""
    command: str = ""
    """the command that ordered it, to be run again"""


def save(folder: Path, state: State) -> None:
    """Replace the run's state in one step."""
    write_bytes(folder / "state.json", json.dumps(asdict(state)).encode())


def load(folder: Path) -> State | None:
    """The state that was saved last; None if no round is."""
    with contextlib.suppress(FileNotFoundError):
        saved = json.loads((folder / "state.json").read_bytes())
        return State(saved["position"], tuple(saved["generations"]), saved["results_bytes"])
    return None


def save_plan(folder: Path, plan: Plan) -> None:
    """Write down what was ordered, before anything is done."""
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(folder / "run.json", json.dumps(asdict(plan), indent=1).encode())


def load_plan(folder: Path) -> Plan:
    """What was ordered. Raises ValueError if the folder is no run's."""
    try:
        return Plan(**json.loads((folder / "run.json").read_bytes()))
    except FileNotFoundError:
        raise ValueError(f"{folder} is not the folder of a run: it has no run.json") from None


@contextlib.contextmanager
def ordered_in(plan: Plan) -> Iterator[None]:
    """Be in the directory where a run was ordered, for paths of a user's files are written down as they were typed.

    Where it is gone, as on another machine, paths are relative to where one is: a run that has begun holds what it
    finds there against the digest of its data.
    """
    with contextlib.chdir(plan.directory if Path(plan.directory).is_dir() else "."):
        yield


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold the run's folder: two processes that write one run would mix their lines up.

    Raises RuntimeError if another process holds it. The lock goes with the process, however that ends.
    """
    with (folder / "lock").open("a") as file:
        try:
            _lock(file.fileno())
        except OSError:
            raise RuntimeError(f"another process is playing the run in {folder}; wait for it, or stop it") from None
        yield


def _lock(descriptor: int) -> None:
    if os.name == "posix":
        import fcntl  # Windows has none; there a run is simply not locked

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
