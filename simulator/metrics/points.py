"""What is measured of each generation, one value a chain; and of what it was trained on, one value.

The literature has eight definitions of collapse (Schaeffer et al. 2025, 2503.03150), so several are measured, each
where it applies: moments always; distances to the truth where it is known; and against human data kept aside, the
likelihood, the manifolds and the classes.

This module alone knows where items truly come from, and tells nobody who trains: what the registry held of a training
mix and what was true of it stand side by side in each row.
"""

from collections.abc import Callable

import numpy as np
from scipy.optimize import linear_sum_assignment

from firsthand.core.digests import Digests
from simulator.data.corpora import Corpus, Labelled, Measured
from simulator.families.base import Bounded, Density, Encoder, Fitted, Floats, Items, Points
from simulator.families.gaussian import Gaussian
from simulator.families.mixtures import Mixture, l2_squared, w2_squared
from simulator.metrics.neighbours import nearest, share_within, squared_distances
from simulator.randomness import generator
from simulator.runs.contents import Contents

#: Neighbours that reach, in precision and recall; Kynkäänniemi et al. 2019 use 3.
NEIGHBOURS = 3
#: Items of a chain that the assignment of a sampled Wasserstein distance is made over, and of all chains together: time
#: grows with the cube of the first, and was nine tenths of the round of 20 mixtures in the paper's notebook.
ASSIGNED, ASSIGNED_IN_ALL = 500, 5000
#: Items that precision, recall and classes are taken over, at most: the first ones, for time grows with the square.
COMPARED = 5000
#: A class with less than this part of its share of human data is not covered.
COVERED = 0.5


def measure(corpus: Corpus, fitted: Fitted | None, items: Items, reference: Fitted | None = None) -> dict[str, Floats]:
    """Return each metric that applies to a fitted model and its `items[n, C, d]`: name (`definitions.METRICS`) → `[C]`.

    Without a model, the items alone are measured: round 0, human data. `reference` is the first model, if the family
    keeps it. Values depend on n, most of all recall and precision: compare equal n. Metrics of the model are exact if
    it is a `Mixture`; otherwise they are computed from its items.
    """
    if isinstance(corpus, Measured):
        return corpus.measure(fitted, items, reference)
    found: dict[str, Floats] = _of_codes(reference.encode(items)) if isinstance(reference, Encoder) else {}
    items = items.astype(np.float64, copy=False)
    model = fitted if isinstance(fitted, Mixture) else _moments(items)
    found |= _of_moments(corpus, model)
    if corpus.truth is not None:
        found |= _against_truth(corpus.truth, fitted, items)
        if isinstance(fitted, Mixture) and isinstance(reference, Mixture):
            found["l2_first"] = l2_squared(fitted, reference)
    if corpus.held_out is not None:
        found |= _against_held_out(corpus.held_out, fitted, items)
    if (human := corpus.labelled) is not None:
        found["classes"] = _each(items[:COMPARED], lambda points: classes_covered(points, human))
    return found


def measure_mix(contents: Contents, digests: Digests) -> dict[str, Floats]:
    """What is true of a training mix `uint8[m, 32]`, as one value `[1]`: a selection is shared by all chains.

    An item that the mix repeats counts as often as it was trained on. Raises ValueError for one that was never put.
    """
    return {"true_human_share": np.array([contents.true_origin(digests).human.mean()])}


def _of_moments(corpus: Corpus, model: Mixture) -> dict[str, Floats]:
    mean, covariance = model.moments()
    found = {"variance": np.trace(covariance, axis1=1, axis2=2)}
    if mean.shape[1] == 1:
        found["mean"] = mean[:, 0]
    if corpus.truth is not None:
        found["mean_error"] = ((mean - corpus.truth.moments()[0]) ** 2).sum(axis=1)
    return found


def _against_truth(truth: Mixture, fitted: Fitted | None, items: Items) -> dict[str, Floats]:
    found = {}
    if isinstance(fitted, Mixture):
        found["l2_squared"] = l2_squared(fitted, truth)
    model = _moments(items) if fitted is None else fitted
    if isinstance(model, Mixture) and model.components == truth.components == 1:
        found["w2_squared"] = w2_squared(model, truth)
    else:
        count = max(100, min(ASSIGNED, ASSIGNED_IN_ALL // items.shape[1]))
        drawn = truth.sample(count, generator(0, "draws of the truth"))[:, 0]
        found["w2_squared"] = _each(items, lambda points: sampled_w2_squared(points, drawn))
    return found


def _against_held_out(human: Points, fitted: Fitted | None, items: Items) -> dict[str, Floats]:
    some = items[:COMPARED]
    found = {
        "recall": _each(some, lambda points: share_within(human, points, NEIGHBOURS)),
        "precision": _each(some, lambda points: share_within(points, human, NEIGHBOURS)),
        "frechet": w2_squared(_moments(items), _moments(human[:, np.newaxis])),
    }
    if isinstance(fitted, Density):
        found["held_out_nll"] = -fitted.log_density(human).mean(axis=0)
    if isinstance(fitted, Bounded):
        found["held_out_elbo"] = fitted.negative_elbo(human).mean(axis=0)
    return found


def _of_codes(codes: Floats) -> dict[str, Floats]:
    """Of `[n, C, latent]`, as Shumailov et al. 2023 follow their autoencoder: its codes draw together."""
    return {"latent_std": codes.std(axis=0).mean(axis=1), "latent_mean": codes.mean(axis=(0, 2))}


def sampled_w2_squared(points: Points, drawn: Points) -> float:
    """Squared 2-Wasserstein distance of `points[n, d]` to `drawn[m, d]`, as many of each, by the best assignment.

    Two samples of one law are not at distance 0, least of all small ones: what human data have in round 0 is the floor.
    """
    count = min(len(points), len(drawn))
    ours, theirs = points[:count], drawn[:count]
    # shifted and scaled points have the same best assignment, which of equally wide ones is found ten times as fast
    _, best = linear_sum_assignment(squared_distances(_standard(ours), _standard(theirs)))
    return float(((ours - theirs[best]) ** 2).sum(axis=1).mean())


def _standard(points: Points) -> Points:
    """`[n, d]` with mean 0 and a mean squared length of 1, or 0 where all are one point."""
    centred: Points = points - points.mean(axis=0)
    width = float(np.sqrt((centred**2).sum(axis=1).mean()))
    return centred / width if width else centred


def classes_covered(points: Points, human: Labelled) -> float:
    """How many classes hold at least half the share of `points[n, d]` that they hold of the human points.

    A point's class is that of its nearest human point.
    """
    found = human.labels[nearest(points, human.points)]
    classes = int(human.labels.max()) + 1
    share = np.bincount(found, minlength=classes) / len(found)
    expected = np.bincount(human.labels, minlength=classes) / len(human.labels)
    return float((share >= COVERED * expected).sum())


def _each(items: Items, value: Callable[[Points], float]) -> Floats:
    """A value of each chain's points, `[C]`."""
    return np.array([value(np.ascontiguousarray(items[:, chain])) for chain in range(items.shape[1])])


def _moments(items: Items) -> Mixture:
    """Each chain's Gaussian with the mean and covariance (divided by n) of `items[n, C, d]`."""
    return Gaussian().fit(items, generator(0, "unused"))
