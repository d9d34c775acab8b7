"""The metrics of points: of each generation (one value per chain), and of its training mix (one value).

The literature has eight definitions of collapse (Schaeffer et al. 2025, 2503.03150), so several metrics are computed:
always mean and variance; distances to the true distribution if it is known; likelihood, precision, recall and classes
if there is held-out human data. `simulator.metrics.definitions` defines each metric.

Only this module reads the true origin of items; training code never does. Each row of the results has the true human
share of the training mix next to the registry's verdicts on the mix.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
from scipy.optimize import linear_sum_assignment

from firsthand.core.digests import Digests
from simulator.data.corpora import Corpus, Labelled, Measured, TextCorpus
from simulator.families.base import Bounded, Density, Encoder, Fitted, Floats, Items, Points
from simulator.families.gaussian import Gaussian
from simulator.families.mixtures import Mixture, l2_squared, w2_squared
from simulator.metrics import text
from simulator.metrics.neighbours import nearest, share_within, squared_distances
from simulator.randomness import generator

#: The k of precision and recall; Kynkäänniemi et al. 2019 use 3.
NEIGHBOURS = 3
#: The largest number of items in the assignment of a sampled Wasserstein distance: per chain, and over all chains. The
#: time grows with the cube of the number per chain. It was 90 % of the time of a round of `gmm-notebook` (20 mixtures).
ASSIGNED, ASSIGNED_IN_ALL = 500, 5000
#: The largest number of items for precision, recall and classes (the first items). The time grows with its square.
COMPARED = 5000
#: A class is covered if its share of the items is at least COVERED times its share of the human data.
COVERED = 0.5


def measure(corpus: Corpus, fitted: Fitted | None, items: Items, reference: Fitted | None = None) -> dict[str, Floats]:
    """Return all metrics that apply to a model and to its output `items[n, C, d]`: arrays `[C]` by the metric's name.

    C is the number of chains. If `fitted` is None, only metrics of the items are returned (round 0: human data).
    `reference` is the first model of the run, if the family can restore it. Values depend on n, in particular precision
    and recall, so compare only values with the same n. For a `Mixture`, the mean, the variance and the distances of
    densities are computed from its parameters. For other models, the mean and the variance are computed from the items.
    """
    if isinstance(corpus, Measured):
        return corpus.measure(fitted, items, reference)
    if isinstance(corpus, TextCorpus):
        return text.measure(corpus.held_out, corpus.frequencies, fitted, items, reference)
    measured: dict[str, Floats] = {}
    if isinstance(reference, Encoder):  # Shumailov et al. 2023 measure collapse by the spread of codes
        codes = reference.encode(items)
        measured |= {"latent_std": codes.std(axis=0).mean(axis=1), "latent_mean": codes.mean(axis=(0, 2))}
    items = items.astype(np.float64, copy=False)
    measured |= _moment_metrics(corpus, fitted if isinstance(fitted, Mixture) else _moments(items))
    if corpus.truth is not None:
        measured |= _truth_metrics(corpus.truth, fitted, items)
        if isinstance(fitted, Mixture) and isinstance(reference, Mixture):
            measured["l2_first"] = l2_squared(fitted, reference)
    if corpus.held_out is not None:
        measured |= _held_out_metrics(corpus.held_out, fitted, items)
    if (human := corpus.labelled) is not None:
        measured["classes"] = _per_chain(items[:COMPARED], lambda points: classes_covered(points, human))
    return measured


class TrueOrigin(NamedTuple):
    """The true origins of m items, which only the simulator knows."""

    human: npt.NDArray[np.bool_]
    """`[m]`: whether the item is human"""
    round: npt.NDArray[np.int64]
    """`[m]`: the round in which a model generated the item, or in which a human item appeared"""


class TrueOrigins(Protocol):
    """An object that knows the true origins of the items of a run (`simulator.runs.contents`)."""

    def true_origin(self, digests: Digests) -> TrueOrigin:
        """Return the true origins of the items with these digests, `uint8[m, 32]`.

        Raises ValueError if a digest does not belong to an item of the run.
        """
        ...


def measure_mix(contents: TrueOrigins, digests: Digests) -> dict[str, Floats]:
    """Return the true human share of a training mix, as the metric `true_human_share`.

    `digests`, `uint8[m, 32]`, are those of the items in the mix. The metric has one value, `[1]`, because all chains
    share the mix. An item that occurs several times in the mix counts each time. Raises ValueError if a digest does not
    belong to an item of the run.
    """
    return {"true_human_share": np.array([contents.true_origin(digests).human.mean()])}


def _moment_metrics(corpus: Corpus, model: Mixture) -> dict[str, Floats]:
    mean, covariance = model.moments()
    measured = {"variance": np.trace(covariance, axis1=1, axis2=2)}
    if mean.shape[1] == 1:
        measured["mean"] = mean[:, 0]
    if corpus.truth is not None:
        measured["mean_error"] = ((mean - corpus.truth.moments()[0]) ** 2).sum(axis=1)
    return measured


def _truth_metrics(truth: Mixture, fitted: Fitted | None, items: Items) -> dict[str, Floats]:
    measured = {}
    if isinstance(fitted, Mixture):
        measured["l2_squared"] = l2_squared(fitted, truth)
    model = _moments(items) if fitted is None else fitted
    if isinstance(model, Mixture) and model.components == truth.components == 1:
        measured["w2_squared"] = w2_squared(model, truth)
    else:
        count = max(100, min(ASSIGNED, ASSIGNED_IN_ALL // items.shape[1]))
        drawn = truth.sample(count, generator(0, "draws of the truth"))[:, 0]
        measured["w2_squared"] = _per_chain(items, lambda points: sampled_w2_squared(points, drawn))
    return measured


def _held_out_metrics(human: Points, fitted: Fitted | None, items: Items) -> dict[str, Floats]:
    compared = items[:COMPARED]
    measured = {
        "recall": _per_chain(compared, lambda points: share_within(human, points, NEIGHBOURS)),
        "precision": _per_chain(compared, lambda points: share_within(points, human, NEIGHBOURS)),
        "frechet": w2_squared(_moments(items), _moments(human[:, np.newaxis])),
    }
    if isinstance(fitted, Density):
        measured["held_out_nll"] = -fitted.log_density(human).mean(axis=0)
    if isinstance(fitted, Bounded):
        measured["held_out_elbo"] = fitted.negative_elbo(human).mean(axis=0)
    return measured


def sampled_w2_squared(points: Points, drawn: Points) -> float:
    """Return the squared 2-Wasserstein distance between two samples of equal size.

    If `points[n, d]` and `drawn[m, d]` have different lengths, only the first min(n, m) points of each are used. The
    distance is computed by optimal
    assignment. Two samples of the same distribution have a distance above 0, in particular small samples. So the value
    for human data in round 0 is the smallest value to expect from a model.
    """
    count = min(len(points), len(drawn))
    ours, theirs = points[:count], drawn[:count]
    # Shift and scale do not change the best assignment. With equal widths, the search is ten times faster.
    _, best = linear_sum_assignment(squared_distances(_standard(ours), _standard(theirs)))
    return float(((ours - theirs[best]) ** 2).sum(axis=1).mean())


def _standard(points: Points) -> Points:
    """Return the points `[n, d]`, shifted to mean 0 and scaled to mean squared length 1; zeros if all are equal."""
    centred: Points = points - points.mean(axis=0)
    width = float(np.sqrt((centred**2).sum(axis=1).mean()))
    return centred / width if width else centred


def classes_covered(points: Points, human: Labelled) -> float:
    """Return the number of classes whose share among `points[n, d]` is at least half their share among human points.

    The class of a point is the class of its nearest human point.
    """
    labels = human.labels[nearest(points, human.points)]
    classes = int(human.labels.max()) + 1
    share = np.bincount(labels, minlength=classes) / len(labels)
    expected = np.bincount(human.labels, minlength=classes) / len(human.labels)
    return float((share >= COVERED * expected).sum())


def _per_chain(items: Items, value: Callable[[Points], float]) -> Floats:
    """Return the results of the function `value`, applied to the points of each chain: `[C]`."""
    return np.array([value(np.ascontiguousarray(items[:, chain])) for chain in range(items.shape[1])])


def _moments(items: Items) -> Mixture:
    """Return, for each chain, the Gaussian with the mean and the covariance (divisor n) of `items[n, C, d]`."""
    return Gaussian().fit(items, generator(0, "unused"))
