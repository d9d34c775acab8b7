"""The saved plan and the saved state of a run.

A run that is killed at any time, and then resumed, writes the same results.
"""

import contextlib
import json
import os
from collections.abc import Iterator
from dataclasses import MISSING, asdict, dataclass, fields
from pathlib import Path
from typing import Any

from firsthand.files.atomic import write_bytes


@dataclass(frozen=True)
class State:
    """The state of a run after its last saved round, in the file `state.json`."""

    position: int
    """position of the log after the round's registrations; the next round selects its mix at this position"""
    generations: tuple[int, ...]
    """generation of the output of each round, as computed by the registry; `generations[0]` is 0, for the human data"""
    results_bytes: int
    """number of bytes of `results.jsonl` up to the end of the last saved row; later bytes are from an unfinished
    round"""

    @property
    def round(self) -> int:
        """The number of the last saved round."""
        return len(self.generations) - 1


@dataclass(frozen=True)
class Plan:
    """The plan of a run, in the file `run.json`: the configuration, the registry and the directory."""

    config: dict[str, Any]
    registry: str
    """URL of a registry; or the data folder, relative to the folder of the run, of a registry that is started for
    the run"""
    directory: str
    """directory to which the paths of the user's own files are relative"""
    command: str = ""
    """the command that planned the run"""


def save(folder: Path, state: State) -> None:
    """Save the state of a run in its folder. The old state is replaced atomically."""
    write_bytes(folder / "state.json", json.dumps(asdict(state)).encode(), sync=True)


def load(folder: Path) -> State | None:
    """Return the last saved state of a run; None if no round is saved.

    Raises ValueError if the file with the state is damaged.
    """
    with contextlib.suppress(FileNotFoundError):
        path = folder / "state.json"
        saved = _read_object(path)
        _check_keys(path, saved, State)
        return State(saved["position"], tuple(saved["generations"]), saved["results_bytes"])
    return None


def save_plan(folder: Path, plan: Plan) -> None:
    """Save the plan of a run before the run begins. Create its folder if necessary."""
    folder.mkdir(parents=True, exist_ok=True)
    write_bytes(folder / "run.json", json.dumps(asdict(plan), indent=1).encode(), sync=True)


def load_plan(folder: Path) -> Plan:
    """Return the plan of a run.

    Raises ValueError if `folder` is not the folder of a run, or if the file with the plan is damaged.
    """
    path = folder / "run.json"
    try:
        saved = _read_object(path)
    except FileNotFoundError:
        raise ValueError(
            f"{folder} is not the folder of a run, because it has no file run.json: give the folder of a run, such as "
            "runs/digits/replace-seed-0-1a2b3c4d"
        ) from None
    _check_keys(path, saved, Plan)
    config = saved["config"]
    if not (isinstance(config, dict) and isinstance(config.get("generations"), int)):
        raise ValueError(
            f"{path} is damaged: its `config` has no number of `generations`. Restore the file from a copy, or start "
            "the run again in a new folder"
        )
    return Plan(**saved)


def _read_object(path: Path) -> dict[str, Any]:
    try:
        saved = json.loads(path.read_bytes())
    except ValueError as error:  # not JSON, or not UTF-8
        raise ValueError(
            f"{path} is damaged: it is not valid JSON ({error}). Restore the file from a copy, or start the run again "
            "in a new folder"
        ) from None
    if not isinstance(saved, dict):
        raise ValueError(
            f"{path} is damaged: it is not a JSON object. Restore the file from a copy, or start the run again in a "
            "new folder"
        )
    return saved


def _check_keys(path: Path, saved: dict[str, Any], kind: type[Plan] | type[State]) -> None:
    known = {field.name: field.default is MISSING for field in fields(kind)}
    unknown = sorted(set(saved) - set(known))
    missing = [name for name, required in known.items() if required and name not in saved]
    if unknown or missing:
        problem = f"has the unknown key {unknown[0]!r}" if unknown else f"lacks the key {missing[0]!r}"
        raise ValueError(
            f"{path} {problem}, so it is damaged, or another version of Firsthand wrote it. Its keys must be "
            f"{', '.join(known)}. Restore the file from a copy, or start the run again in a new folder"
        )


@contextlib.contextmanager
def in_directory_of(plan: Plan) -> Iterator[None]:
    """Change the current directory to the one where a run was planned, until the block ends.

    The paths of the user's own files are saved as typed, relative to this directory. If this directory does not exist,
    for example on another machine, the current directory is not changed. Other files could then have the same paths, so
    a run that is resumed compares the digests of the files.
    """
    with contextlib.chdir(plan.directory if Path(plan.directory).is_dir() else "."):
        yield


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Lock the folder of a run until the block ends, so that two processes cannot write to its files at the same time.

    The lock also ends if the process ends. Raises RuntimeError if another process has locked the folder. On Windows,
    the folder is not locked.
    """
    with (folder / "lock").open("a") as file:
        try:
            _lock(file.fileno())
        except OSError:
            raise RuntimeError(
                f"another process is working on the run in {folder}: wait until that process ends, or stop it, "
                "then run the command again"
            ) from None
        yield


def _lock(descriptor: int) -> None:
    if os.name == "posix":
        import fcntl  # Windows does not have this module: there, a run is not locked

        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
