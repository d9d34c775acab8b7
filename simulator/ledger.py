"""What a run tells the registry and asks of it. All that the run learns of origins comes back through here."""

from dataclasses import dataclass

import numpy as np

from firsthand.client import Client
from firsthand.digests import Digests
from firsthand.items import Digested
from firsthand.schemas.mixes import Mix, Part, Recipe
from firsthand.schemas.models import Model, OriginCounts, TrainedOn
from simulator.checkpoints import State
from simulator.config import Run
from simulator.randomness import generator
from simulator.recipes import History


@dataclass(frozen=True)
class Ledger:
    """A run's datasets and models in a registry, all named after the run's id."""

    client: Client
    organization: str
    run: Run

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

    def model(self, round: int) -> str:
        """The model that a round fits."""
        return f"{self.organization}/{self.run.id}@{round}"

    def history(self, state: State) -> History:
        """What the regime may know when it asks for the round after `state`."""
        done = range(1, state.round + 1)
        refreshed = done if self.run.regime.new_humans(self.run.n) else ()
        return History(
            round=state.round + 1,
            n=self.run.n,
            human=self.human,
            fresh=tuple(self.fresh(round + 1) for round in refreshed),
            outputs=self.outputs,
            models=tuple(self.model(round) for round in done),
            generations=state.generations,
        )

    def draw(self, history: History, position: int) -> tuple[Mix, Digests]:
        """The coming round's training mix as of a position, and its items in order, `uint8[m, 32]`."""
        seed = int(generator(self.run.seed, "mix", history.round).integers(2**53))
        mix = self.client.create_mix(Recipe(seed=seed, as_of=position, parts=self.run.regime.parts(history)))
        if mix.id is None or mix.items == 0:
            raise ValueError(f"round {history.round}: the recipe of {self.run.regime} gives no items to train on")
        return mix, np.concatenate([np.empty((0, 32), np.uint8), *self.client.mix_digests(mix.id)])

    def trained(self, round: int, mix: str) -> Model:
        """Register the round's model by what it was trained on; the answer has the generation that follows."""
        return self.client.put_model(self.model(round), trained_on=[TrainedOn(mix=mix)])

    def made(self, round: int, digests: Digests) -> int:
        """Register a round's output, and answer the position; its generation is the registry's to know."""
        self.client.put_dataset(self.outputs)
        name = self.model(round)
        answers = self.client.register(
            self.outputs, Digested(digests), origin="model", model=name, evidence="generator"
        )
        return answers[-1].id

    def collected(self, dataset: str, digests: Digests) -> int:
        """Register human items in a dataset of theirs, and answer the position."""
        self.client.put_dataset(dataset)
        return self.client.register(dataset, Digested(digests), origin="human")[-1].id

    def known(self, state: State) -> OriginCounts:
        """What the registry knows, as of a state, of all that the run registered: items by verdict and generation."""
        everything = Part(verdict_in=["human", "model", "contested", "unknown"], datasets=self.history(state).datasets)
        return self.client.create_mix(Recipe(as_of=state.position, parts=[everything]), dry_run=True).counts
