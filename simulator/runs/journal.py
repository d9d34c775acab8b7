"""The files that a run writes: `results.jsonl`, `events.jsonl`, `samples/`, and its state."""

import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from firsthand.files import atomic
from simulator.config import Run, encode, sources
from simulator.data.corpora import TextCorpus
from simulator.families.base import Fitted, Items, Language
from simulator.metrics.text import perplexities
from simulator.names import label
from simulator.runs import checkpoints, environment, results
from simulator.runs.checkpoints import Plan, State

#: The largest number of pictures, and of texts, that are saved in a round.
PICTURES = 60
TEXTS = 12


class Journal:
    """The object that writes the files in the folder of a run."""

    def __init__(self, folder: Path, plan: Plan, run: Run) -> None:
        self._folder, self._plan, self._run = folder, plan, run
        self.begun_bytes = 0
        """length of the header in bytes; 0 before it is written"""

    def begin(self) -> None:
        """Write the header of `results.jsonl`, and record in `events.jsonl` that the run has begun."""
        (self._folder / "samples").mkdir(exist_ok=True)
        self.begun_bytes = results.append(self._folder / results.FILE, self._header(), after=0)
        self.event("begun")

    def resume(self) -> None:
        """Record in `events.jsonl` that the run is resumed.

        Raises ValueError if the configuration or the data of the run have changed since it began.
        """
        begun, now = results.read(self._folder).header, self._header()
        for name in ("config", "data"):
            if begun[name] != now[name]:
                raise ValueError(
                    f"the {name} of the run in {self._folder} has changed since the run began: "
                    f"{_change(begun[name], now[name])}. Restore the old {name}, or start the run again in a new folder"
                )
        self.event("resumed", commit=now["commit"], versions=now["versions"], device=now["device"])

    def save(self, state: State, row: dict[str, Any], items: Items) -> State:
        """Save the pictures and the results of a round, then the state.

        Return the state with the new length of the results. `items[n, C, d]` is the output of the round, and `row` its
        results. After a crash, a round without a saved state is repeated.
        """
        pictures = self._run.corpus.images(items[:PICTURES])
        if pictures is not None:
            _save_array(self._folder / "samples" / f"round-{state.round:03d}.npy", pictures)
        end = results.append(self._folder / results.FILE, row, after=state.results_bytes)
        saved = replace(state, results_bytes=end)
        checkpoints.save(self._folder, saved)
        return saved

    def save_texts(self, round: int, items: Items, reference: Fitted | None) -> None:
        """If the items are text, save the first texts of a round, and the perplexity of each item.

        The perplexity is computed with `reference`, the first model; it is saved only if this is a language model. The
        first model does not exist before round 1, so the perplexities of the human items are saved after round 1.
        """
        corpus, path = self._run.corpus, self._folder / "samples" / f"round-{round:03d}"
        if not isinstance(corpus, TextCorpus):
            return
        texts = json.dumps(corpus.texts(items[:TEXTS]), ensure_ascii=False, indent=1) + "\n"
        atomic.write_bytes(path.with_suffix(".json"), texts.encode(), sync=True)
        if isinstance(reference, Language):
            _save_array(path.with_suffix(".perplexity.npy"), perplexities(reference, items)[:, 0])

    def event(self, event: str, **details: Any) -> None:
        """Append an event to `events.jsonl`. `details` can differ between two equal runs: times, positions, ids."""
        moment = datetime.fromtimestamp(time.time(), UTC).isoformat(timespec="milliseconds")
        with (self._folder / "events.jsonl").open("a") as file:
            file.write(json.dumps({"time": moment, "event": event, **details}) + "\n")

    def _header(self) -> dict[str, Any]:
        run = self._run
        return {
            "format": results.FORMAT,
            "config": encode(run),
            "names": {
                "family": label(run.family),
                "data": label(run.corpus),
                "regime": label(run.regime),
                "world": label(run.world),
            },
            "commit": environment.commit(),
            "versions": environment.versions(),
            "device": environment.device(),
            "data": run.corpus.digest(),
            "sources": sources(self._plan.config),
        }


def _change(begun: Any, now: Any) -> str:
    """Return the change of a value as text. For a mapping, the text has only the keys whose values differ."""
    if not (isinstance(begun, dict) and isinstance(now, dict)):
        return f"it was {begun}, and now it is {now}"
    keys = [key for key in begun | now if begun.get(key) != now.get(key)]
    return "; ".join(f"`{key}` was {begun.get(key)}, and now it is {now.get(key)}" for key in keys)


def _save_array(path: Path, array: npt.NDArray[np.generic]) -> None:
    """Write an array as `.npy`, atomically."""
    with atomic.writing(path, sync=True) as file:
        np.save(file, array, allow_pickle=False)
