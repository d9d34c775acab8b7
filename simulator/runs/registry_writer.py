"""What a run tells the registry and asks of it. All that the run learns of origins comes back through here."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np

from firsthand.client import Client
from firsthand.core.digests import Digests
from firsthand.files.inputs import Digested
from firsthand.schemas.mixes import Mix, Part, Recipe
from firsthand.schemas.models import Model, OriginCounts, TrainedOn
from simulator.config import Run
from simulator.randomness import generator
from simulator.regimes import FIRST_MODEL, History
from simulator.runs.checkpoints import State
from simulator.worlds.commons import Batch, Said

#: When items were collected, as statements say: a year before the first model, or a day a round from two years after.
_BEFORE, _SINCE = FIRST_MODEL - timedelta(days=365), FIRST_MODEL + timedelta(days=730)


@dataclass(frozen=True)
class Ledger:
    """A run's datasets and models in a registry, all named after the run's id."""

    client: Client
    organization: str
    run: Run
    _put: set[str] = field(default_factory=set, init=False, repr=False, compare=False)
    """datasets that were put, and need not be again"""

    @property
    def human(self) -> str:
        """The dataset of the human items that there are before round 1."""
        return f"{self.organization}/{self.run.id}-human"

    @property
    def outputs(self) -> str:
        """The dataset of everything that the run's models make."""
        return f"{self.organization}/{self.run.id}-outputs"

    def fresh(self, round: int) -> str:
        """The dataset of a round's new human items."""
        return f"{self.organization}/{self.run.id}-fresh-{round:04d}"

    def pool(self, round: int) -> str:
        """The dataset of what there is to crawl for a round: the last one's output and new human items."""
        return f"{self.organization}/{self.run.id}-pool-{round:04d}"

    def model(self, round: int, provider: int = 0) -> str:
        """The model that a provider fits in a round."""
        line = self.run.id if self.run.world.lines == 1 else f"{self.run.id}-{provider}"
        return f"{self.organization}/{line}@{round}"

    def dataset(self, batch: Batch) -> str:
        """Where a batch of items lies."""
        if batch.maker is None and batch.round == 0:
            return self.human
        if self.run.world.pooled:
            return self.pool(batch.round + (batch.maker is not None))
        return self.fresh(batch.round) if batch.maker is None else self.outputs

    def history(self, state: State, provider: int = 0) -> History:
        """What the regime may know when it asks for the round after `state`."""
        run, done = self.run, range(1, state.round + 1)
        refreshed = done if run.regime.new_humans(run.n) and not run.world.pooled else ()
        shared = state.round == 0 and run.world.shared_base
        return History(
            round=state.round + 1,
            n=run.n if shared else run.world.trains(provider, run.n),
            human=self.human,
            fresh=tuple(self.fresh(round + 1) for round in refreshed),
            outputs=self.outputs,
            models=tuple(self.model(round, k) for round in done for k in range(run.world.lines)),
            generations=state.generations,
            pools=tuple(self.pool(round + 1) for round in done) if run.world.pooled else (),
            provider=provider,
            humans=run.humans,
        )

    def draw(self, history: History, position: int) -> tuple[Mix, Digests]:
        """The coming round's training mix as of a position, and its items in order, `uint8[m, 32]`."""
        same = history.round == 1 and self.run.world.shared_base
        purpose = "mix" if same or not history.provider else f"mix of {history.provider}"
        seed = int(generator(self.run.seed, purpose, history.round).integers(2**53))
        mix = self.client.create_mix(Recipe(seed=seed, as_of=position, parts=self.run.regime.parts(history)))
        if mix.id is None or mix.items == 0:
            raise ValueError(f"round {history.round}: the recipe of {self.run.regime} gives no items to train on")
        return mix, np.concatenate([np.empty((0, 32), np.uint8), *self.client.mix_digests(mix.id)])

    def trained(self, round: int, provider: int, mix: str) -> Model:
        """Register a model by what it was trained on; the answer has the generation that follows."""
        return self.client.put_model(self.model(round, provider), trained_on=[TrainedOn(mix=mix)])

    def tell(self, batch: Batch, digests: Digests, said: Sequence[Said]) -> int:
        """Register what is said of a batch, and answer the position. A generation is the registry's to know."""
        dataset = self.dataset(batch)
        if dataset not in self._put:
            self.client.put_dataset(dataset)
            self._put.add(dataset)
        position = 0
        for one in said:
            # people's items stand in the pool of the round before, where they may be taken for a model's
            round = max(1, batch.round - (batch.maker is None))
            answers = self.client.register(
                dataset,
                Digested(digests[one.rows]),
                origin=one.origin,
                model=None if one.provider is None else self.model(round, one.provider),
                evidence=one.evidence,
                collected_at=_BEFORE if one.before else _SINCE + timedelta(days=batch.round),
                confidences=one.confidences,
            )
            position = answers[-1].id
        return position

    def tainted(self, round: int, position: int) -> float:
        """The share of what a round's models were trained on that their recipe, at the position, admits no more."""
        changed = items = 0
        for provider in range(self.run.world.lines):
            for trained_on in self.client.model(self.model(round, provider)).trained_on:
                items += self.client.mix(str(trained_on.mix)).items
                changed += sum(not change.admitted for change in self.client.mix_diff(str(trained_on.mix), position))
        return changed / items

    def known(self, state: State) -> OriginCounts:
        """What the registry knows, as of a state, of all that the run registered: items by verdict and generation."""
        everything = Part(verdict_in=["human", "model", "contested", "unknown"], datasets=self.history(state).datasets)
        return self.client.create_mix(Recipe(as_of=state.position, parts=[everything]), dry_run=True).counts
