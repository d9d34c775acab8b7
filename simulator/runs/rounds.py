"""The main loop of a run: in each round select a mix, fit, sample, register, measure and save.

Each round selects its mix at the log position after the registrations of the previous round. At its end, it saves its
results, then its state. If a run is killed, it later repeats all steps after its last saved state. The result is the
same, because the registry returns the same answer to a repeated registration. If a world has several providers, each
provider fits one model in every round.
"""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from firsthand.client import Client
from firsthand.core.digests import Digests
from firsthand.schemas.mixes import Mix
from firsthand.schemas.models import Model, OriginCounts
from simulator import names
from simulator.config import Run, decode
from simulator.families.base import Fitted, Items, Language, Restores, Storable
from simulator.metrics.points import measure, measure_mix
from simulator.metrics.reference_model import CachedLanguageModel
from simulator.randomness import generator
from simulator.runs import checkpoints, results
from simulator.runs.checkpoints import Plan, State
from simulator.runs.contents import Contents, Role
from simulator.runs.journal import Journal
from simulator.runs.registry_writer import RunRegistry
from simulator.worlds.base import TRUTHFUL, RoundBatch


def play(folder: Path, client: Client) -> None:
    """Compute all remaining rounds of the run in `folder`, beginning after the last saved round.

    Raises the errors of `play_rounds`.
    """
    for _ in play_rounds(folder, client):
        pass


def play_rounds(folder: Path, client: Client) -> Iterator[int]:
    """Compute all remaining rounds of the run in `folder`. Yield the number of each round after it is saved.

    The first number that it yields is that of the last round that was saved before, or 0 for a new run.

    Raises ValueError if the run is not possible, or if its configuration or data have changed since it began;
    FirsthandError if the registry refuses a request or does not answer; RuntimeError if another process is working on
    the run.
    """
    folder = folder.resolve()
    plan = checkpoints.load_plan(folder)
    with checkpoints.locked(folder), checkpoints.in_directory_of(plan):
        loop = RunLoop(folder, plan, client)
        state = checkpoints.load(folder)
        state = loop.begin() if state is None else loop.resume(state)
        yield state.round
        while state.round < loop.run.generations:
            state = loop.play_round(state)
            yield state.round


class ProviderRound(NamedTuple):
    """The result of one provider in a round: its model, the output of the model, and the training mix."""

    fitted: Fitted
    samples: Items
    mix: Mix
    digests: Digests
    """digests of the training items, in the order of the mix, `uint8[m, 32]`"""
    model: Model


class RunLoop:
    """The main loop of one run, with its configuration, its items, its registry and its files."""

    def __init__(self, folder: Path, plan: Plan, client: Client) -> None:
        self.run: Run = decode(plan.config, Path.cwd())
        self.contents = Contents(folder / "contents", self.run.id)
        self.registry = RunRegistry(client, client.whoami().organization, self.run)
        self.journal = Journal(folder, plan, self.run)
        self.reference: Fitted | None = None
        """the first model, if the family can restore it"""

    def play_round(self, state: State) -> State:
        """Compute the round after `state`, save it, and return the new state."""
        run, t, started = self.run, state.round + 1, time.perf_counter()
        trained = [self._train(state, provider, count) for provider, count in enumerate(run.world.outputs(run.n))]
        positions = [self._register_output(t, k, provider.samples) for k, provider in enumerate(trained)]
        corrected = self._correct(t)
        position = max(*positions, self._register_new_humans(t + 1), corrected, state.position)
        generation = max(provider.model.generation for provider in trained)
        after = State(position, (*state.generations, generation), state.results_bytes)
        if t == 1:
            self._keep_reference(trained[0].fitted)
        most = run.world.measured_items(run.n)
        measured = [
            measure(run.corpus, provider.fitted, provider.samples[:most], self.reference)
            | measure_mix(self.contents, provider.digests)
            for provider in trained
        ]
        bound = any(provider.model.lower_bound for provider in trained)
        counts = sum((provider.mix.counts for provider in trained), OriginCounts())
        row = results.row(t, after.generations[-1], bound, counts, self.registry.known(after), measured)
        if corrected and t == run.world.correction_round:
            row["tainted"] = {str(earlier): self.registry.tainted(earlier, position) for earlier in range(1, t + 1)}
        mixes = [provider.mix.id for provider in trained]
        self.journal.save_texts(t, trained[0].samples[:most], self.reference)
        self.journal.event("round", round=t, mixes=mixes, position=position, seconds=time.perf_counter() - started)
        return self.journal.save(after, row, trained[0].samples)

    def begin(self) -> State:
        """Compute round 0: register the human items, measure them, and save the results. Return the first state."""
        self.journal.begin()
        humans = self._first_humans()
        batch = RoundBatch(0, None, len(humans))
        position = self.registry.register(batch, self.contents.put("human", 0, humans), TRUTHFUL.statements(batch, 0))
        state = State(position, (0,), self.journal.begun_bytes)
        row = results.row(0, 0, False, None, self.registry.known(state), [measure(self.run.corpus, None, humans)])
        self.journal.save_texts(0, humans, None)
        self.journal.event("round", round=0, position=position)
        return self.journal.save(state, row, humans)

    def resume(self, state: State) -> State:
        """Load the items and the first model of a run that was stopped after `state`. Return the state."""
        self.journal.resume()
        self.contents.load("human", 0)
        for t in range(1, state.round + 1):
            for provider in range(self.run.world.providers):
                self.contents.load(self._role(provider), t)
            if self._new_humans():
                self.contents.load("human", t + 1)
        if state.round and isinstance(self.run.family, Restores):
            self.reference = _as_reference(self.run.family.restore(self.contents.reference()))
        return state

    def _train(self, state: State, provider: int, count: int) -> ProviderRound:
        """Train and register the model of a provider in the round after `state`.

        The mix is selected, the model is fitted to it, and generates `count` items.
        """
        run, t = self.run, state.round + 1
        if count == 0:
            raise ValueError(
                f"provider {provider} generates no items in the world {names.label(run.world)}: set `pool` of the "
                "world to a larger value, such as pool=20"
            )
        mix, digests = self.registry.draw(self.registry.history(state, provider), state.position)
        if run.regime.private and t > 1:
            digests = self._without_own(digests, provider)
        of = f" of {provider}" if provider else ""
        fitted = run.family.fit(self.contents.items(digests), generator(run.seed, f"fit{of}", t))
        samples = self._checked(fitted.sample(count, generator(run.seed, f"sample{of}", t)), count)
        return ProviderRound(fitted, samples, mix, digests, self.registry.register_model(t, provider, str(mix.id)))

    def _without_own(self, digests: Digests, provider: int) -> Digests:
        """Return the digests of the first n items of a mix that the provider did not make itself.

        `digests`, `uint8[m, 32]`, are those of all items in the mix. n is the number of items that the provider trains
        on. The order of the mix is random (by its seed), so these items are a random draw. Raises ValueError if there
        are fewer than n such items.
        """
        others = self.contents.without(digests, self._role(provider))
        n = self.run.world.training_size(provider, self.run.n)
        if len(others) < n:
            raise ValueError(
                f"the pool has {len(others)} items that provider {provider} did not make, and it trains on {n}: set "
                "`pool` of the world to a larger value, such as pool=20"
            )
        return others[:n]

    def _register_output(self, round: int, provider: int, samples: Items) -> int:
        """Save a provider's output, register the statements of the world on it, and return the position after them."""
        batch = RoundBatch(round, provider, len(samples))
        digests = self.contents.put(self._role(provider), round, samples)
        return self.registry.register(batch, digests, self.run.world.statements(batch, self.run.seed))

    def _register_new_humans(self, round: int) -> int:
        """Save and register a round's new human items. Return the position after them; 0 if there are none."""
        run, count = self.run, self._new_humans()
        if not count:
            return 0
        batch, items = RoundBatch(round, None, count), run.corpus.fresh(count, run.chains, run.seed, round)
        digests = self.contents.put("human", round, items)
        return self.registry.register(batch, digests, run.world.statements(batch, run.seed))

    def _correct(self, t: int) -> int:
        """Register the corrections that round t adds to the claims on output of the rounds up to t.

        Return the position after them; 0 if there are none.
        """
        position, world = 0, self.run.world
        for round in range(1, t + 1):
            for provider, count in enumerate(world.outputs(self.run.n)):
                batch = RoundBatch(round, provider, count)
                if corrections := world.corrections(batch, self.run.seed, t):
                    digests = self.contents.digests(self._role(provider), round)
                    position = self.registry.register(batch, digests, corrections)
        return position

    def _keep_reference(self, fitted: Fitted) -> None:
        if isinstance(self.run.family, Restores) and isinstance(fitted, Storable):
            self.reference = _as_reference(fitted)
            self.contents.put_reference(fitted.arrays())
            humans = self.contents.items(self.contents.digests("human", 0))
            self.journal.save_texts(0, humans, self.reference)

    def _new_humans(self) -> int:
        """Return the number of new human items in each round from the second on.

        The world decides it if there is a shared pool, otherwise the regime.
        """
        n = self.run.n
        return self.run.world.new_humans(n) if self.run.world.pooled else self.run.regime.new_humans(n)

    def _role(self, provider: int) -> Role:
        return "model" if self.run.world.providers == 1 else f"model-{provider}"

    def _first_humans(self) -> Items:
        """Return the human items that are registered before round 1: a selection from the corpus by the run's seed.

        Raises ValueError if the corpus has fewer items than the run needs.
        """
        run = self.run
        pool = run.corpus.pool(run.chains, run.seed)
        if len(pool) < run.humans:
            raise ValueError(
                f"the data has {len(pool)} human items, and the run needs {run.humans}: use a smaller n or human, such "
                f"as --n {len(pool)}"
            )
        chosen = generator(run.seed, "first humans").choice(len(pool), run.humans, replace=False)
        return pool[np.sort(chosen)]

    def _checked(self, samples: Items, count: int) -> Items:
        """Return the samples of a model after a check. Raises ValueError if their shape, type or values are wrong."""
        family = type(self.run.family).__name__
        if samples.ndim != 3 or samples.shape[:2] != (count, self.run.chains):
            raise ValueError(
                f"{family} sampled an array of shape {list(samples.shape)}: correct `sample`, which must return "
                f"[items, chains, dimensions], here [{count}, {self.run.chains}, d]"
            )
        if not np.can_cast(samples.dtype, self.contents.dtype):
            raise ValueError(
                f"{family} sampled items of type {samples.dtype}; they must have the type of the human data, "
                f"{self.contents.dtype}: convert them in `sample`"
            )
        if samples.dtype.kind == "f" and not np.isfinite(samples).all():
            raise ValueError(
                f"{family} sampled values that are not finite numbers, because its fit failed: use a larger n"
            )
        return samples


def _as_reference(first: Fitted) -> Fitted:
    """Return the first model as the reference for later output. A language model gets a cache of its losses."""
    return CachedLanguageModel(first) if isinstance(first, Language) else first
