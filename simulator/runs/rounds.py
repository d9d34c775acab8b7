"""THE loop: mix → fit → sample → register → measure → save.

Each round asks its mix as of the position that the last one's registration returned, and saves its row, then its state.
So whatever a killed run did after its last saved state is done again with the same outcome: the registry answers a
repeated statement as it did the first time. Where a world has several providers, each has its part in a round.
"""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from firsthand.client import Client
from firsthand.core.digests import Digests
from firsthand.schemas.mixes import Mix
from firsthand.schemas.models import Model, OriginCounts
from simulator.config import Run, decode
from simulator.families.base import Fitted, Items, Language, Restores, Storable
from simulator.metrics.points import measure, measure_mix
from simulator.metrics.reference_model import Judge
from simulator.randomness import generator
from simulator.runs import checkpoints, results
from simulator.runs.checkpoints import Plan, State
from simulator.runs.contents import Contents, Role
from simulator.runs.journal import Journal
from simulator.runs.registry_writer import Ledger
from simulator.worlds.commons import TRUTHFUL, Batch

#: Told of each round that is saved.
Watch = Callable[[int], None]


def play(folder: Path, client: Client, watch: Watch = lambda round: None) -> None:
    """Play the run whose plan is in `folder` from where it stands to its last round.

    Raises ValueError where the run is impossible or no longer what was begun, FirsthandError where the registry
    refuses or does not answer, RuntimeError if another process plays it.
    """
    folder = folder.resolve()
    plan = checkpoints.load_plan(folder)
    with checkpoints.locked(folder), checkpoints.ordered_in(plan):
        line = Line(folder, plan, client)
        state = checkpoints.load(folder)
        state = line.begin() if state is None else line.go_on(state)
        watch(state.round)
        while state.round < line.run.generations:
            state = line.play_round(state)
            watch(state.round)


class Trained(NamedTuple):
    """What one provider did in a round."""

    fitted: Fitted
    samples: Items
    mix: Mix
    digests: Digests
    """of the items that it was trained on, `uint8[m, 32]`"""
    model: Model


class Line:
    """One run being played: its configuration, its items, its pages in the registry, and what it writes down."""

    def __init__(self, folder: Path, plan: Plan, client: Client) -> None:
        self.run: Run = decode(plan.config, Path.cwd())
        self.contents = Contents(folder / "contents", self.run.id)
        self.ledger = Ledger(client, client.whoami().organization, self.run)
        self.journal = Journal(folder, plan, self.run)
        self.reference: Fitted | None = None
        """the first model, where the family keeps it"""

    def play_round(self, state: State) -> State:
        """The round after `state`, whole."""
        run, t, started = self.run, state.round + 1, time.perf_counter()
        made = run.world.made(run.n)
        trained = [self._train(state, provider, count) for provider, count in enumerate(made)]
        told = [self._tell(t, k, one.samples) for k, one in enumerate(trained)]
        corrected = self._correct(t)
        position = max(*told, self._find_humans(t + 1), corrected, state.position)
        after = State(position, (*state.generations, max(one.model.generation for one in trained)), state.results_bytes)
        if t == 1:
            self._keep_reference(trained[0].fitted)
        most = run.world.measured(run.n)
        measured = [
            measure(run.corpus, one.fitted, one.samples[:most], self.reference)
            | measure_mix(self.contents, one.digests)
            for one in trained
        ]
        bound = any(one.model.lower_bound for one in trained)
        counts = together([one.mix.counts for one in trained])
        row = results.row(t, after.generations[-1], bound, counts, self.ledger.known(after), measured)
        if corrected and t == run.world.turns:
            row |= self._tainted(t, position)
        mixes = [one.mix.id for one in trained]
        self.journal.write_out(t, trained[0].samples[:most], self.reference)
        self.journal.event("round", round=t, mixes=mixes, position=position, seconds=time.perf_counter() - started)
        return self.journal.save(after, row, trained[0].samples)

    def begin(self) -> State:
        """Round 0: register the human items, and measure them as every generation after them is measured."""
        self.journal.begin()
        humans = self._first_humans()
        batch = Batch(0, None, len(humans))
        position = self.ledger.tell(batch, self.contents.put("human", 0, humans), TRUTHFUL.said(batch, 0))
        state = State(position, (0,), self.journal.begun_bytes)
        row = results.row(0, 0, False, None, self.ledger.known(state), [measure(self.run.corpus, None, humans)])
        self.journal.write_out(0, humans, None)
        self.journal.event("round", round=0, position=position)
        return self.journal.save(state, row, humans)

    def go_on(self, state: State) -> State:
        """Pick up a run that was stopped after `state`."""
        self.journal.go_on()
        self.contents.load("human", 0)
        for t in range(1, state.round + 1):
            for provider in range(self.run.world.lines):
                self.contents.load(self._role(provider), t)
            if self._new_humans():
                self.contents.load("human", t + 1)
        if state.round and isinstance(self.run.family, Restores):
            self.reference = _judging(self.run.family.restore(self.contents.reference()))
        return state

    def _train(self, state: State, provider: int, count: int) -> Trained:
        """One provider's part in the round after `state`: a mix, a model, and its output."""
        run, t = self.run, state.round + 1
        if count == 0:
            raise ValueError(f"provider {provider} makes no items in {run.world}: let the pool be larger")
        mix, digests = self.ledger.draw(self.ledger.history(state, provider), state.position)
        if run.regime.private and t > 1:
            digests = self._without_own(digests, provider)
        of = f" of {provider}" if provider else ""
        fitted = run.family.fit(self.contents.items(digests), generator(run.seed, f"fit{of}", t))
        samples = self._checked(fitted.sample(count, generator(run.seed, f"sample{of}", t)), count)
        return Trained(fitted, samples, mix, digests, self.ledger.trained(t, provider, str(mix.id)))

    def _without_own(self, digests: Digests, provider: int) -> Digests:
        """The first of a mix `uint8[m, 32]` that the provider has not made, as many as it trains on.

        Raises ValueError where there are fewer.
        A mix that takes everything has it in its seed's order, so these are a draw of n of what the log leaves.
        """
        left, n = self.contents.without(digests, self._role(provider)), self.run.world.trains(provider, self.run.n)
        if len(left) < n:
            raise ValueError(
                f"provider {provider} finds {len(left)} items that it has not made itself, and trains on {n}: "
                "let the pool be larger"
            )
        return left[:n]

    def _tell(self, round: int, provider: int, samples: Items) -> int:
        """Register what the world says of a provider's output; the position then."""
        batch = Batch(round, provider, len(samples))
        digests = self.contents.put(self._role(provider), round, samples)
        return self.ledger.tell(batch, digests, self.run.world.said(batch, self.run.seed))

    def _find_humans(self, round: int) -> int:
        """Register a round's new human items, where there are any; the position then, or 0."""
        run, wanted = self.run, self._new_humans()
        if not wanted:
            return 0
        batch, items = Batch(round, None, wanted), run.corpus.fresh(wanted, run.chains, run.seed, round)
        return self.ledger.tell(batch, self.contents.put("human", round, items), run.world.said(batch, run.seed))

    def _correct(self, t: int) -> int:
        """Register what the round tells of batches that were there before; the position then, or 0."""
        position, world = 0, self.run.world
        for round in range(1, t + 1):
            for provider, count in enumerate(world.made(self.run.n)):
                batch = Batch(round, provider, count)
                if said := world.corrected(batch, self.run.seed, t):
                    digests = self.contents.digests(self._role(provider), round)
                    position = self.ledger.tell(batch, digests, said)
        return position

    def _tainted(self, t: int, position: int) -> dict[str, Any]:
        """Which rounds were trained on what is now known to be otherwise, as the registry answers."""
        shares = {round: self.ledger.tainted(round, position) for round in range(1, t + 1)}
        return {"tainted": {str(round): share for round, share in shares.items()}}

    def _keep_reference(self, fitted: Fitted) -> None:
        if isinstance(self.run.family, Restores) and isinstance(fitted, Storable):
            self.reference = _judging(fitted)
            self.contents.put_reference(fitted.arrays())
            humans = self.contents.items(self.contents.digests("human", 0))
            self.journal.write_out(0, humans, self.reference)

    def _new_humans(self) -> int:
        """New human items that each round from the second on has, because its regime or its world wants them."""
        n = self.run.n
        return self.run.world.found(n) if self.run.world.pooled else self.run.regime.new_humans(n)

    def _role(self, provider: int) -> Role:
        return "model" if self.run.world.lines == 1 else f"model-{provider}"

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

    def _checked(self, samples: Items, count: int) -> Items:
        """Samples as a round must have them. Raises ValueError naming the family."""
        family = type(self.run.family).__name__
        if samples.ndim != 3 or samples.shape[:2] != (count, self.run.chains):
            wanted = f"[{count}, {self.run.chains}, d]"
            raise ValueError(
                f"{family} sampled an array of {list(samples.shape)}, not {wanted}: items, chains, dimensions"
            )
        if not np.can_cast(samples.dtype, self.contents.dtype):
            raise ValueError(f"{family} sampled {samples.dtype}, and the human data are {self.contents.dtype}")
        if samples.dtype.kind == "f" and not np.isfinite(samples).all():
            raise ValueError(f"{family} sampled values that are not finite: its fit has degenerated")
        return samples


def _judging(first: Fitted) -> Fitted:
    """What later output is measured under: the first model; of text, judging each batch once."""
    return Judge(first) if isinstance(first, Language) else first


def together(counts: Sequence[OriginCounts]) -> OriginCounts:
    """Several mixes' counts in one."""
    generations = Counter[Any]()
    for one in counts:
        generations.update(one.generations)
    names = [name for name in OriginCounts.model_fields if name != "generations"]
    return OriginCounts(**{name: sum(getattr(one, name) for one in counts) for name in names}, generations=generations)
