"""What each metric is, in a reader's words."""

from dataclasses import dataclass
from typing import Literal

Better = Literal["lower", "higher", "neither"]


@dataclass(frozen=True)
class Metric:
    """How to speak of a metric."""

    name: str
    title: str
    better: Better
    note: str
    unit: str = ""
    loss: str = "drift away from the human data"  # what models do when it gets worse

    @property
    def sign(self) -> int:
        """The sign of a change for the worse; 0 where neither way is."""
        return {"lower": 1, "higher": -1, "neither": 0}[self.better]


_FORGET = "forget what human data looks like"

#: In the order of the page; the first that was measured and has a better side is what the headline speaks of.
METRICS = (
    Metric("held_out_nll", "Surprise at human data kept aside", "lower",
           "Mean negative log-likelihood of human data that no model ever saw, in nats an item. A model that has "
           "forgotten the rare is surprised by it.", "nats an item", _FORGET),
    Metric("held_out_elbo", "Bound on surprise at human data kept aside", "lower",
           "Mean negative evidence lower bound (ELBO) of human data that no model ever saw, in nats an item: what an "
           "autoencoder's surprise is bounded by.", "nats an item", _FORGET),
    Metric("w2_squared", "Distance to the truth (squared W₂)", "lower",
           "Squared 2-Wasserstein distance of the model from the distribution that human data comes from."),
    Metric("l2_squared", "Distance of densities (squared L₂)", "lower",
           "Squared L₂ distance of the model's density from the true one. It explodes when the variance vanishes."),
    Metric("recall", "Recall", "higher",
           "Share of the human data kept aside that lie within reach of the generated (3 nearest neighbours; "
           "Kynkäänniemi et al. 2019). It falls when kinds of data are no longer made.", loss=_FORGET),
    Metric("precision", "Precision", "higher",
           "Share of the generated that lie within reach of human data kept aside (3 nearest neighbours)."),
    Metric("frechet", "Fréchet distance", "lower",
           "Distance of the generated from human data kept aside, each taken for a Gaussian."),
    Metric("mean_error", "Error of the mean", "lower", "Squared distance of the model's mean from the true one."),
    Metric("variance", "Variance", "neither",
           "Total variance of the model (of the items, where it has none in closed form)."),
    Metric("classes", "Classes covered", "higher",
           "Classes made at least half as often as they are among human data."),
    Metric("latent_std", "Spread of codes", "higher",
           "Standard deviation of what is made in the space of the first model's codes, mean over its dimensions. It "
           "falls when models collapse (Shumailov et al. 2023).", loss=_FORGET),
    Metric("latent_mean", "Mean of codes", "neither", "Mean of what is made in the space of the first model's codes."),
    Metric("mean", "Mean", "neither", "Mean of the model."),
    Metric("true_human_share", "Truly human share of the training mix", "neither",
           "Share of what each round trained on that people truly made. Only the simulator can say so, which made the "
           "rest itself; regimes go by what the registry holds. Where the two differ, the registry is wrong."),
)  # fmt: skip


def describe(name: str) -> Metric:
    """The metric of that name; of one that nobody described, its name is all there is to say."""
    known = {metric.name: metric for metric in METRICS}
    return known.get(name, Metric(name, name.replace("_", " ").capitalize(), "neither", ""))


def order(names: set[str]) -> list[Metric]:
    """What was measured, in the order of the page."""
    known = [metric for metric in METRICS if metric.name in names]
    return known + [describe(name) for name in sorted(names - {metric.name for metric in known})]
