"""The table of all metrics: the title, description, unit and bounds of each.

The report page lists metrics in this order. Its headline uses the first measured metric that is better when lower or
when higher.
"""

from dataclasses import dataclass
from typing import Literal

from simulator.metrics.intervals import NOT_NEGATIVE, SHARE, UNBOUNDED, Bounds

Better = Literal["lower", "higher", "neither"]


@dataclass(frozen=True)
class Metric:
    """A metric: its name in results, and the texts that a report page shows for it."""

    name: str
    title: str
    better: Better
    note: str
    """what is computed, and how to read it"""
    unit: str = ""
    bounds: Bounds = UNBOUNDED
    """values that the metric can have; its intervals stay inside"""
    loss: str = "drift away from the human data"
    """what models do when the metric gets worse; the headline ends with these words"""

    @property
    def sign(self) -> int:
        """1 if an increase is worse, −1 if a decrease is worse, 0 if neither is worse."""
        return {"lower": 1, "higher": -1, "neither": 0}[self.better]


_FORGET = "forget what human data looks like"

METRICS = (
    Metric("held_out_nll", "Surprise at held-out human data", "lower",
           "Mean negative log-likelihood, under the model, of human data that no model was trained on. A model that "
           "has forgotten rare data is surprised by it.", "nats per item", loss=_FORGET),
    Metric("held_out_elbo", "Bound on the surprise at held-out human data", "lower",
           "Mean negative evidence lower bound (ELBO) of human data that no model was trained on: an upper bound on an "
           "autoencoder's surprise.", "nats per item", loss=_FORGET),
    Metric("w2_squared", "Distance to the true distribution (squared W₂)", "lower",
           "Squared 2-Wasserstein distance to the distribution of the human data. Exact for Gaussians; otherwise "
           "computed from up to 500 items and as many draws, so that even two samples of the same distribution have a "
           "distance above 0.",
           bounds=NOT_NEGATIVE),
    Metric("l2_squared", "Distance of densities (squared L₂)", "lower",
           "Squared L₂ distance of the model's density from the true one. It grows without limit when the variance "
           "vanishes.", bounds=NOT_NEGATIVE),
    Metric("l2_first", "Distance from the first model (squared L₂)", "lower",
           "Squared L₂ distance of the model's density from the density of the first model, as in the notebook of "
           "Shumailov et al. 2023.", bounds=NOT_NEGATIVE),
    Metric("test_error", "Excess test error", "lower",
           "Squared distance of the fitted coefficients from the true ones (linear data).", bounds=NOT_NEGATIVE),
    Metric("perplexity", "Perplexity of held-out human text", "lower",
           "Perplexity, under the model, of human text that no model was trained on. Each token is predicted from the "
           "tokens before it in its block.", bounds=NOT_NEGATIVE, loss=_FORGET),
    Metric("rarest_decile_loss", "Loss on rare tokens", "lower",
           "Loss on those held-out tokens that belong to the rarest tenth of human text.", "nats per token",
           NOT_NEGATIVE, _FORGET),
    Metric("recall", "Recall", "higher",
           "Share of the held-out human data that lies near generated items (3 nearest neighbours; Kynkäänniemi et al. "
           "2019). It decreases when some kinds of data are no longer generated.", bounds=SHARE, loss=_FORGET),
    Metric("precision", "Precision", "higher",
           "Share of the generated items that lies near held-out human data (3 nearest neighbours).", bounds=SHARE),
    Metric("frechet", "Fréchet distance", "lower",
           "Squared Fréchet distance of generated items from held-out human data, each taken as a Gaussian.",
           bounds=NOT_NEGATIVE),
    Metric("mean_error", "Error of the mean", "lower", "Squared distance of the model's mean from the true mean.",
           bounds=NOT_NEGATIVE),
    Metric("variance", "Variance", "neither",
           "Total variance: the trace of the model's covariance, or of the generated items' covariance if the model "
           "has none in closed form.", bounds=NOT_NEGATIVE),
    Metric("classes", "Classes covered", "higher",
           "Number of classes that are generated at least half as often as they occur in human data.",
           bounds=NOT_NEGATIVE),
    Metric("latent_std", "Spread of codes", "higher",
           "Standard deviation of the generated items' codes, averaged over dimensions. The first model's encoder "
           "computes the codes. It decreases when models collapse (Shumailov et al. 2023).",
           bounds=NOT_NEGATIVE, loss=_FORGET),
    Metric("latent_mean", "Mean of codes", "neither",
           "Mean of the generated items' codes, over items and dimensions. The first model's encoder computes the "
           "codes."),
    Metric("mean", "Mean", "neither", "The model's mean, for data with one dimension."),
    Metric("sample_perplexity", "Perplexity of generated text", "neither",
           "Perplexity of the generated text under the first model.", bounds=NOT_NEGATIVE),
    Metric("improbable_share", "Improbable share", "neither",
           "Share of the generated items that are less likely, under the first model, than 99 of 100 human blocks.",
           bounds=SHARE),
    Metric("distinct_2", "Distinct pairs of tokens", "higher",
           "Distinct pairs of neighbouring tokens divided by all such pairs, in up to 500 items.", bounds=SHARE),
    Metric("self_bleu", "Self-BLEU", "lower",
           "Mean BLEU-4 of an item against the other items, over up to 100 items. It is high if the items are similar.",
           bounds=SHARE),
    Metric("unique", "Distinct tokens", "higher", "Number of distinct tokens in the generated items.",
           bounds=NOT_NEGATIVE),
    Metric("true_human_share", "Truly human share of the training mix", "neither",
           "Share of each round's training mix that is truly human. Only the simulator knows this, because it "
           "generated the other items. If the registry gives another share, the registry is wrong.",
           bounds=SHARE),
    Metric("tainted", "Share no longer admitted", "neither",
           "Share of each round's training items that its recipe no longer admits after late registrations.",
           bounds=SHARE),
)  # fmt: skip

BY_NAME = {metric.name: metric for metric in METRICS}


def describe(name: str) -> Metric:
    """Return the metric `name`. If the table has no such metric, return one whose title is derived from the name."""
    return BY_NAME.get(name, Metric(name, name.replace("_", " ").capitalize(), "neither", ""))


def order(names: set[str]) -> list[Metric]:
    """Return the metrics with these names: those of the table in its order, then the others by name."""
    known = [metric for metric in METRICS if metric.name in names]
    return known + [describe(name) for name in sorted(names - BY_NAME.keys())]
