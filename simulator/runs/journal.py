"""What a run writes down: `results.jsonl`, `events.jsonl`, `samples/`, and its state."""

import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from simulator.config import Run, encode, sources
from simulator.data.corpora import Written
from simulator.families.base import Fitted, Items, Language
from simulator.names import label
from simulator.runs import checkpoints, environment, results
from simulator.runs.atomic_files import write_array, write_json
from simulator.runs.checkpoints import Plan, State

PICTURES = 60
TEXTS = 12


class Journal:
    """The files in a run's folder."""

    def __init__(self, folder: Path, plan: Plan, run: Run) -> None:
        self._folder, self._plan, self._run = folder, plan, run
        self.begun_bytes = 0
        """length of the header, once it is written"""

    def begin(self) -> None:
        """Write the header of the results."""
        (self._folder / "samples").mkdir(exist_ok=True)
        self.begun_bytes = results.append(self._folder / results.FILE, self._header(), after=0)
        self.event("begun")

    def go_on(self) -> None:
        """Note a resumption. Raises ValueError if it would go on with something else than it began with."""
        begun, now = results.read(self._folder).header, self._header()
        for name in ("config", "data"):
            if begun[name] != now[name]:
                raise ValueError(
                    f"the {name} of the run in {self._folder} are not what it began with ({begun[name]}, now "
                    f"{now[name]}); restore them, or begin again in another folder"
                )
        self.event("resumed", commit=now["commit"], versions=now["versions"], device=now["device"])

    def save(self, state: State, row: dict[str, Any], items: Items) -> State:
        """Keep a round's pictures and row, then its state; what comes before the state is done again after a crash."""
        pictures = self._run.corpus.images(items[:PICTURES])
        if pictures is not None:
            write_array(self._folder / "samples" / f"round-{state.round:03d}.npy", pictures)
        end = results.append(self._folder / results.FILE, row, after=state.results_bytes)
        saved = replace(state, results_bytes=end)
        checkpoints.save(self._folder, saved)
        return saved

    def write_out(self, round: int, items: Items, reference: Fitted | None) -> None:
        """Keep a round's first texts, and each of its items' perplexities under the first model, where they are text.

        The human items' perplexities can only be known when there is a first model: they are written after round 1.
        """
        corpus, place = self._run.corpus, self._folder / "samples" / f"round-{round:03d}"
        if not isinstance(corpus, Written):
            return
        write_json(place.with_suffix(".json"), corpus.texts(items[:TEXTS]))
        if isinstance(reference, Language):
            write_array(place.with_suffix(".perplexity.npy"), corpus.perplexities(items, reference))

    def event(self, event: str, **details: Any) -> None:
        """Note what happened and when, with what would make two equal runs differ: times, positions, ids."""
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
