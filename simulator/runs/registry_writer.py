"""All requests of a run to the registry. Training code knows the origins of items only from the answers."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np

from firsthand.client import Client
from firsthand.core.digests import Digests
from firsthand.files.inputs import Digested
from firsthand.schemas.mixes import Mix, Part, Recipe
from firsthand.schemas.models import Model, OriginCounts, TrainedOn
from simulator import names
from simulator.config import Run
from simulator.randomness import generator
from simulator.regimes import FIRST_MODEL, RunHistory
from simulator.runs.checkpoints import State
from simulator.worlds.base import OriginStatement, RoundBatch

#: Times of collection in statements: one year before the first model; or two years after it, plus one day per round.
_BEFORE, _SINCE = FIRST_MODEL - timedelta(days=365), FIRST_MODEL + timedelta(days=730)


@dataclass(frozen=True)
class RunRegistry:
    """The datasets and models of one run in a registry. Their names contain the id of the run."""

    client: Client
    organization: str
    run: Run
    _put: set[str] = field(default_factory=set, init=False, repr=False, compare=False)
    """names of the datasets that this object has created"""

    @property
    def human(self) -> str:
        """The name of the dataset with the human items that are registered before round 1."""
        return f"{self.organization}/{self.run.id}-human"

    @property
    def outputs(self) -> str:
        """The name of the dataset with the output of all models, if the world has no shared pool."""
        return f"{self.organization}/{self.run.id}-outputs"

    def fresh(self, round: int) -> str:
        """Return the name of the dataset with the new human items of a round, if the world has no shared pool."""
        return f"{self.organization}/{self.run.id}-fresh-{round:04d}"

    def pool(self, round: int) -> str:
        """Return the name of the dataset with the pool of a round.

        A pool has the output of the previous round, and new human items.
        """
        return f"{self.organization}/{self.run.id}-pool-{round:04d}"

    def model(self, round: int, provider: int = 0) -> str:
        """Return the name of the model that a provider trains in a round."""
        line = self.run.id if self.run.world.providers == 1 else f"{self.run.id}-{provider}"
        return f"{self.organization}/{line}@{round}"

    def dataset(self, batch: RoundBatch) -> str:
        """Return the name of the dataset in which a batch of items is registered."""
        if batch.maker is None and batch.round == 0:
            return self.human
        if self.run.world.pooled:
            return self.pool(batch.round + (batch.maker is not None))
        return self.fresh(batch.round) if batch.maker is None else self.outputs

    def history(self, state: State, provider: int = 0) -> RunHistory:
        """Return the information that the regime of a provider receives for the next round.

        `state` is the state of the run after the last round.
        """
        run, done = self.run, range(1, state.round + 1)
        refreshed = done if run.regime.new_humans(run.n) and not run.world.pooled else ()
        shared = state.round == 0 and run.world.shared_base
        return RunHistory(
            round=state.round + 1,
            n=run.n if shared else run.world.training_size(provider, run.n),
            human=self.human,
            fresh=tuple(self.fresh(round + 1) for round in refreshed),
            outputs=self.outputs,
            models=tuple(self.model(round, k) for round in done for k in range(run.world.providers)),
            generations=state.generations,
            pools=tuple(self.pool(round + 1) for round in done) if run.world.pooled else (),
            provider=provider,
            humans=run.humans,
        )

    def draw(self, history: RunHistory, position: int) -> tuple[Mix, Digests]:
        """Create the training mix of the next round at a log position. Return it with the digests of its items.

        The digests, `uint8[m, 32]`, are in the order of the mix. Raises ValueError if the registry selects no items.
        """
        same = history.round == 1 and self.run.world.shared_base
        purpose = "mix" if same or not history.provider else f"mix of {history.provider}"
        seed = int(generator(self.run.seed, purpose, history.round).integers(2**53))
        mix = self.client.create_mix(Recipe(seed=seed, as_of=position, parts=self.run.regime.parts(history)))
        if mix.id is None or mix.items == 0:
            raise ValueError(
                f"the registry selects no items for round {history.round} of the regime "
                f"{names.label(self.run.regime)}: use another regime, or a world that registers more items"
            )
        return mix, np.concatenate([np.empty((0, 32), np.uint8), *self.client.mix_digests(mix.id, mix.items)])

    def register_model(self, round: int, provider: int, mix: str) -> Model:
        """Register the model that a provider trained on the mix with the id `mix`.

        Return the model with the generation that the registry computed.
        """
        return self.client.put_model(self.model(round, provider), trained_on=[TrainedOn(mix=mix)])

    def register(self, batch: RoundBatch, digests: Digests, statements: Sequence[OriginStatement]) -> int:
        """Register statements on the items of a batch. Return the position of the log after them; 0 without statements.

        `digests`, `uint8[n, 32]`, are those of all items of the batch. If the dataset of the batch does not exist, it
        is created.
        """
        dataset = self.dataset(batch)
        if dataset not in self._put:
            self.client.put_dataset(dataset)
            self._put.add(dataset)
        position = 0
        for statement in statements:
            # The human items of round t are in one pool with the output of round t − 1. A detector that takes them for
            # model output therefore names a model of round t − 1.
            round = max(1, batch.round - (batch.maker is None))
            answers = self.client.register(
                dataset,
                Digested(digests[statement.rows]),
                origin=statement.origin,
                model=None if statement.provider is None else self.model(round, statement.provider),
                evidence=statement.evidence,
                collected_at=_BEFORE if statement.before else _SINCE + timedelta(days=batch.round),
                confidences=statement.confidences,
            )
            position = answers[-1].id
        return position

    def tainted(self, round: int, position: int) -> float:
        """Return the share of a round's training items that their recipe would no longer select at `position`.

        `position` is a position of the log. The share is from 0 to 1. The training items of all providers are counted
        together.
        """
        changed = items = 0
        for provider in range(self.run.world.providers):
            for trained_on in self.client.model(self.model(round, provider)).trained_on:
                items += self.client.mix(str(trained_on.mix)).items
                changed += sum(not change.admitted for change in self.client.mix_diff(str(trained_on.mix), position))
        return changed / items

    def known(self, state: State) -> OriginCounts:
        """Return the numbers of all items of the run by verdict and generation, at the log position of a state."""
        everything = Part(verdict_in=["human", "model", "contested", "unknown"], datasets=self.history(state).datasets)
        return self.client.create_mix(Recipe(as_of=state.position, parts=[everything]), dry_run=True).counts
