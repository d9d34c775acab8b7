"""The table of all metrics: the title, the description, the unit and the possible values of each.

The report page lists metrics in the order of this table. Its headline uses the first metric of the runs for which lower
or higher values are better.
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
    """what models do if the metric gets worse; the headline of the report ends with these words"""

    @property
    def sign(self) -> int:
        """1 if an increase is worse, −1 if a decrease is worse, 0 if neither is worse."""
        return {"lower": 1, "higher": -1, "neither": 0}[self.better]


_FORGET = "forget what human data looks like"

METRICS = (
    Metric("held_out_nll", "Surprise at held-out human data", "lower",
           "Mean negative log-likelihood of human data that no model was trained on, computed with the fitted model. "
           "It is high if the model has forgotten rare data.", "nats per item", loss=_FORGET),
    Metric("held_out_elbo", "Bound on the surprise at held-out human data", "lower",
           "Upper bound on the mean negative log-likelihood of human data that no model was trained on. It is the "
           "mean negative evidence lower bound (ELBO) of the autoencoder.", "nats per item", loss=_FORGET),
    Metric("w2_squared", "Distance to the true distribution (squared W₂)", "lower",
           "Squared 2-Wasserstein distance between the model and the distribution of the human data. It is exact for "
           "Gaussians. For other models, it is computed from up to 500 generated items and as many draws from the "
           "true distribution. Then even two samples of the same distribution have a distance above 0.",
           bounds=NOT_NEGATIVE),
    Metric("l2_squared", "Distance of densities (squared L₂)", "lower",
           "Squared L₂ distance between the density of the model and the true density. It grows without limit if the "
           "variance of the model goes to 0.", bounds=NOT_NEGATIVE),
    Metric("l2_first", "Distance from the first model (squared L₂)", "lower",
           "Squared L₂ distance between the density of the model and the density of the run's first model, as in the "
           "notebook of Shumailov et al. 2023.", bounds=NOT_NEGATIVE),
    Metric("test_error", "Excess test error", "lower",
           "Squared distance between the fitted and the true coefficients of a linear regression.",
           bounds=NOT_NEGATIVE),
    Metric("perplexity", "Perplexity of held-out human text", "lower",
           "Perplexity of human text that no model was trained on, computed with the fitted model. Each token is "
           "predicted from the tokens before it in its block.", bounds=NOT_NEGATIVE, loss=_FORGET),
    Metric("rarest_decile_loss", "Loss on rare tokens", "lower",
           "Mean negative log-likelihood of the rarest tenth of the tokens in held-out human text. Rare means: with a "
           "low frequency in human text.", "nats per token", NOT_NEGATIVE, _FORGET),
    Metric("recall", "Recall", "higher",
           "Share of the held-out human items that are near at least one generated item. Near means: not farther away "
           "than the third nearest other generated item is from this generated item (Kynkäänniemi et al. 2019). Recall "
           "decreases if some kinds of data are no longer generated.", bounds=SHARE, loss=_FORGET),
    Metric("precision", "Precision", "higher",
           "Share of the generated items that are near at least one held-out human item. Near means: not farther away "
           "than the third nearest other human item is from this human item (Kynkäänniemi et al. 2019).", bounds=SHARE),
    Metric("frechet", "Fréchet distance", "lower",
           "Squared Fréchet distance between the generated items and the held-out human items. A Gaussian with the "
           "same mean and covariance represents each of the two sets.", bounds=NOT_NEGATIVE),
    Metric("mean_error", "Error of the mean", "lower",
           "Squared distance between the mean of the model and the true mean.", bounds=NOT_NEGATIVE),
    Metric("variance", "Variance", "neither",
           "Total variance: the trace of the covariance matrix of the model. If the model has no formula for it, the "
           "covariance matrix of the generated items is used.", bounds=NOT_NEGATIVE),
    Metric("classes", "Classes covered", "higher",
           "Number of classes (for digits: 0 to 9) that are generated at least half as often as they occur in human "
           "data.", bounds=NOT_NEGATIVE),
    Metric("latent_std", "Spread of codes", "higher",
           "Standard deviation of the codes of the generated items, averaged over the dimensions of a code. The "
           "encoder of the run's first model computes the codes. It decreases if models collapse (Shumailov et al. "
           "2023).", bounds=NOT_NEGATIVE, loss=_FORGET),
    Metric("latent_mean", "Mean of codes", "neither",
           "Mean of the codes of the generated items, over items and dimensions. The encoder of the run's first model "
           "computes the codes."),
    Metric("mean", "Mean", "neither",
           "Mean of the model, for data with one dimension."),
    Metric("sample_perplexity", "Perplexity of generated text", "neither",
           "Perplexity of the generated text, computed with the run's first model.", bounds=NOT_NEGATIVE),
    Metric("improbable_share", "Improbable share", "neither",
           "Share of the generated items that are less likely than 99 % of the blocks of human text, computed with "
           "the run's first model.", bounds=SHARE),
    Metric("distinct_2", "Distinct pairs of tokens", "higher",
           "Number of distinct pairs of neighbouring tokens, divided by the number of all such pairs, in up to 500 "
           "generated items.", bounds=SHARE),
    Metric("self_bleu", "Self-BLEU", "lower",
           "Mean BLEU-4 score of each generated item compared with the other items, over up to 100 items. It is high "
           "if the items are similar.", bounds=SHARE),
    Metric("unique", "Distinct tokens", "higher",
           "Number of distinct tokens in the generated items.", bounds=NOT_NEGATIVE),
    Metric("true_human_share", "Truly human share of the training mix", "neither",
           "Share of the items in each round's training mix that are truly human. Only the simulator knows it, "
           "because it generated the other items. If the registry gives another share, the registry is wrong.",
           bounds=SHARE),
    Metric("tainted", "Share no longer admitted", "neither",
           "Share of each round's training items that the recipe of this round would no longer select after late "
           "registrations.", bounds=SHARE),
)  # fmt: skip

BY_NAME = {metric.name: metric for metric in METRICS}


def describe(name: str) -> Metric:
    """Return the metric with this name. For a name that is not in the table, the name becomes the title."""
    return BY_NAME.get(name, Metric(name, name.replace("_", " ").capitalize(), "neither", ""))


def order(names: set[str]) -> list[Metric]:
    """Return the metrics with these names: first those of the table, in its order, then the others, sorted by name."""
    known = [metric for metric in METRICS if metric.name in names]
    return known + [describe(name) for name in sorted(names - BY_NAME.keys())]
