"""THE loop: mix → fit → sample → register → measure → save.

Each round asks its mix as of the position that the last one's registration returned, and saves its row, then its state.
So whatever a killed run did after its last saved state is done again with the same outcome: the registry answers a
repeated statement as it did the first time.
"""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from firsthand.client import Client
from simulator import checkpoints, results
from simulator.checkpoints import Plan, State
from simulator.config import Run, decode
from simulator.contents import Contents
from simulator.journal import Journal
from simulator.ledger import Ledger
from simulator.metrics import measure, measure_mix
from simulator.models.base import Items
from simulator.randomness import generator

#: Told of each round that is saved.
Watch = Callable[[int], None]


def play(folder: Path, client: Client, watch: Watch = lambda round: None) -> None:
    """Play the run whose plan is in `folder` from where it stands to its last round.

    Raises ValueError where the run is impossible or no longer what was begun, FirsthandError where the registry
    refuses or does not answer, RuntimeError if another process plays it.
    """
    plan = checkpoints.load_plan(folder)
    with checkpoints.locked(folder):
        line = Line(folder, plan, client)
        state = checkpoints.load(folder)
        state = line.begin() if state is None else line.go_on(state)
        watch(state.round)
        while state.round < line.run.generations:
            state = line.play_round(state)
            watch(state.round)


class Line:
    """One run being played: its configuration, its items, its pages in the registry, and what it writes down."""

    def __init__(self, folder: Path, plan: Plan, client: Client) -> None:
        self.run: Run = decode(plan.config, Path(plan.directory))
        self.contents = Contents(folder / "contents", self.run.id)
        self.ledger = Ledger(client, client.whoami().organization, self.run)
        self.journal = Journal(folder, plan, self.run)

    def play_round(self, state: State) -> State:
        """The round after `state`, whole."""
        run, t, started = self.run, state.round + 1, time.perf_counter()
        mix, digests = self.ledger.draw(self.ledger.history(state), state.position)
        fitted = run.family.fit(self.contents.items(digests), generator(run.seed, "fit", t))
        samples = self._checked(fitted.sample(run.n, generator(run.seed, "sample", t)))
        model = self.ledger.trained(t, str(mix.id))
        position = self.ledger.made(t, self.contents.put("model", t, samples))
        position = self._collect_fresh(t + 1) or position
        after = State(position, (*state.generations, model.generation), state.results_bytes)
        measured = measure(run.corpus, fitted, samples) | measure_mix(self.contents, digests)
        known = self.ledger.known(after)
        row = results.row(t, model.generation, model.lower_bound, mix.counts, known, measured)
        self.journal.event("round", round=t, mix=mix.id, position=position, seconds=time.perf_counter() - started)
        return self.journal.save(after, row, samples)

    def begin(self) -> State:
        """Round 0: register the human items, and measure them as every generation after them is measured."""
        self.journal.begin()
        humans = self._first_humans()
        position = self.ledger.collected(self.ledger.human, self.contents.put("human", 0, humans))
        state = State(position, (0,), self.journal.begun_bytes)
        row = results.row(0, 0, False, None, self.ledger.known(state), measure(self.run.corpus, None, humans))
        self.journal.event("round", round=0, position=position)
        return self.journal.save(state, row, humans)

    def go_on(self, state: State) -> State:
        """Pick up a run that was stopped after `state`."""
        self.journal.go_on()
        self.contents.load("human", 0)
        for t in range(1, state.round + 1):
            self.contents.load("model", t)
            if self.run.regime.new_humans(self.run.n):
                self.contents.load("human", t + 1)
        return state

    def _first_humans(self) -> Items:
        """The human items before round 1: all that the corpus has, or as many as the run wants, by its seed."""
        run = self.run
        pool = run.corpus.pool(run.chains, run.seed)
        if len(pool) < run.humans:
            raise ValueError(
                f"the corpus has {len(pool)} human items, and the run wants {run.humans}: lower n or human"
            )
        chosen = generator(run.seed, "first humans").choice(len(pool), run.humans, replace=False)
        return pool[np.sort(chosen)]

    def _collect_fresh(self, round: int) -> int | None:
        """Register a round's new human items where the regime wants some; the position then."""
        run = self.run
        wanted = run.regime.new_humans(run.n)
        if not wanted:
            return None
        items = run.corpus.fresh(wanted, run.chains, run.seed, round)
        return self.ledger.collected(self.ledger.fresh(round), self.contents.put("human", round, items))

    def _checked(self, samples: Items) -> Items:
        """Samples as a round must have them. Raises ValueError naming the family."""
        family = type(self.run.family).__name__
        if samples.ndim != 3 or samples.shape[:2] != (self.run.n, self.run.chains):
            wanted = f"[{self.run.n}, {self.run.chains}, d]"
            raise ValueError(
                f"{family} sampled an array of {list(samples.shape)}, not {wanted}: items, chains, dimensions"
            )
        if not np.isfinite(samples).all():
            raise ValueError(f"{family} sampled values that are not finite: its fit has degenerated")
        return samples
