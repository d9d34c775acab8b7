"""What each provider gains by who registers, from rows that are known; and what the runs are called."""

import dataclasses
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from firsthand.schemas.models import OriginCounts
from simulator.config import Run, encode
from simulator.data.corpora import Normal
from simulator.families.gaussian import Gaussian
from simulator.oracles import expect_each
from simulator.regimes import Crawl
from simulator.reproductions.base import SIZES, Reproduction, Size
from simulator.reproductions.coordination import COORDINATION
from simulator.reproductions.pools import expected_of_each
from simulator.reproductions.provenance import FIRST_MOVER, LABEL_NOISE, LATE_TRUTH, LYING
from simulator.reproductions.table import tabulate
from simulator.runs import results
from simulator.runs.results import Results
from simulator.worlds.commons import Commons

N = 10


def world(registered: float) -> Commons:
    return Commons(0.5, registered, "provider", 2, order="largest", pool=4)


def wrote(registered: float, seed: int, *errors: float) -> Results:
    """A finished run of one round after the first, in which each provider's mean_error is known."""
    run = Run(Gaussian(), Normal(N), Crawl(), n=N, generations=2, chains=2, world=world(registered), seed=seed)
    providers = [{"mean_error": np.array([error, error])} for error in errors]
    rows = [results.row(t, t, False, None, OriginCounts(), providers) for t in range(3)]
    return Results(Path("unused"), {"config": encode(run), "names": {"regime": "crawl"}}, rows)


def test_gains_are_measured_for_each_provider_and_paired_by_seed() -> None:
    played = [
        result
        for seed, shift in enumerate((0.0, 5.0))
        for result in (
            wrote(0.0, seed, 9.0 + shift, 8.0 + shift),
            wrote(0.5, seed, 7.0 + shift, 7.5 + shift + seed),
            wrote(1.0, seed, 6.0 + shift, 7.0 + shift),
        )
    ]
    assert COORDINATION.answer is not None
    coordination = dataclasses.replace(COORDINATION, metrics=("mean_error",))
    _, of_one, of_both = COORDINATION.answer(tabulate(coordination, played, (2,)))
    nobody, first, everybody = (expect_each(world(share), Crawl(), N, 2)[-1] for share in (0.0, 0.5, 1.0))
    own, others, adds = nobody[0] - first[0], nobody[1] - first[1], first[1] - everybody[1]
    assert of_one == (
        "gaussian: 2 providers, 1 register, 50% human: "
        f"a provider that registers gains 2 [2, 2] (exact {own:.4g}); "
        f"a provider that does not register gains 0 [-6.353, 6.353] (exact {others:.4g}); "
        f"if this provider registers too, it then gains 1 [-5.353, 7.353] (exact {adds:.4g})."
    )
    all_of_it = (nobody - everybody).mean()
    assert of_both == (
        "gaussian: 2 providers, 2 register, 50% human: "
        f"a provider that registers gains 2 [2, 2] (exact {all_of_it:.4g})."
    )


def test_a_provider_whose_drift_grows_is_reported_as_losing() -> None:
    """Where few are human, partial registering harms those who register and those who do not."""
    played = [
        result for seed in range(2) for result in (wrote(0.0, seed, 4.0, 4.0), wrote(0.5, seed, 5.0 + seed, 7.0 + seed))
    ]
    assert COORDINATION.answer is not None
    coordination = dataclasses.replace(COORDINATION, metrics=("mean_error",))
    _, of_one = COORDINATION.answer(tabulate(coordination, played, (2,)))
    nobody, first = (expect_each(world(share), Crawl(), N, 2)[-1] for share in (0.0, 0.5))
    assert of_one == (
        "gaussian: 2 providers, 1 register, 50% human: "
        f"a provider that registers loses 1.5 [-4.853, 7.853] (exact {first[0] - nobody[0]:.4g}); "
        f"a provider that does not register loses 3.5 [-2.853, 9.853] (exact {first[1] - nobody[1]:.4g})."
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", ["Zipf", "of unequal quality"])
def test_unequal_providers_have_their_floor_beside_them(name: str) -> None:
    """Where all register, each is fitted to new human items alone: the k-th to 100, or to 100/k."""
    assert COORDINATION.condition is not None
    runs = {COORDINATION.condition(run): run for run in COORDINATION.experiment("standard").runs}
    run = runs[f"gaussian: 10 providers, 10 register, {name}"]
    expected = expected_of_each(run)
    assert expected is not None
    assert expected[-1] == pytest.approx([1 / run.world.training_size(k, 100) for k in range(10)])


@pytest.mark.slow
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "reproduction",
    [COORDINATION, LABEL_NOISE, FIRST_MOVER, LATE_TRUTH, LYING],
    ids=lambda reproduction: reproduction.name,
)
def test_no_two_kinds_of_run_have_the_same_name(reproduction: Reproduction, size: Size) -> None:
    assert reproduction.condition is not None
    called = defaultdict(set)
    for run in reproduction.experiment(size).runs:
        called[reproduction.condition(run)].add((run.family, run.regime, run.world, run.humans, run.chains))
    assert {name: len(kinds) for name, kinds in called.items()} == dict.fromkeys(called, 1)
