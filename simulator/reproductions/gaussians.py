"""The results `gaussian-theory` and `replace-vs-accumulate`.

The first compares one-dimensional Gaussians with exact theory. The second compares replace, accumulate and other
regimes, with Gaussian mixtures that are fitted to digits.
"""

from functools import cache

from simulator import oracles
from simulator.config import Experiment, Run
from simulator.data.corpora import Digits, Normal
from simulator.families.gaussian import Estimator, Gaussian
from simulator.families.gmm import GMM
from simulator.oracles import Expected
from simulator.regimes import Accumulate, AccumulateSubsample, Fresh, HumanOnly, Preserve, Regime, Replace
from simulator.reproductions.base import Reproduction, Size
from simulator.reproductions.rows import Reference

_N = 100
#: Numbers of chains, seeds and generations by size. If chains × seeds is 10,000 or more, every standard error is below
#: 2 % of the reference.
_CHAINS: dict[Size, tuple[int, int, int]] = {
    "smoke": (200, 1, 3),
    "standard": (6_000, 5, 20),
    "full": (10_000, 10, 100),
}


def _theory(size: Size) -> Experiment:
    chains, seeds, generations = _CHAINS[size]
    cases: list[tuple[Estimator, Regime]] = [
        ("mle", Replace()),
        ("unbiased", Replace()),
        ("mle", Accumulate()),
        ("mle", Fresh(0.1)),
        ("mle", Fresh(0.5)),
    ]
    runs = [
        Run(Gaussian(estimator), Normal(_N), regime, n=_N, generations=generations, chains=chains, seed=seed)
        for seed in range(seeds)
        for estimator, regime in cases
    ]
    return Experiment("gaussian-theory", tuple(runs))


@cache
def _expected(regime: Regime, estimator: Estimator, n: int, rounds: int) -> Expected | None:
    if isinstance(regime, Replace):
        return oracles.expect_replace(n, rounds, estimator)
    if isinstance(regime, Accumulate):
        return oracles.expect_accumulate(n, rounds)
    return oracles.expect_fresh(n, regime.share, rounds) if isinstance(regime, Fresh) else None


def expected(run: Run, metric: str, round: int) -> Reference | None:
    """Return the exact value of a metric of a Gaussian in a round, from `simulator.oracles`.

    It is E[v_t] for the metric `variance`, and E[μ_t²] for `mean_error`: v_t and μ_t are the variance and the mean of
    the model after fit t. Return None for other metrics, for round 0, and for regimes without theory.
    """
    estimator = run.family.estimator if isinstance(run.family, Gaussian) else "mle"
    exact = _expected(run.regime, estimator, run.n, run.generations)
    columns = {"variance": exact.variance, "mean_error": exact.mean_squared} if exact else {}
    if round == 0 or metric not in columns:
        return None
    return Reference(float(columns[metric][round - 1]), "exact")


def _condition(run: Run) -> str:
    estimator = run.family.estimator if isinstance(run.family, Gaussian) else ""
    regime = run.regime
    name = f"fresh {regime.share:.0%}" if isinstance(regime, Fresh) else type(regime).__name__.lower()
    return f"{name}, {estimator}"


THEORY = Reproduction(
    name="gaussian-theory",
    question="Do Gaussians whose training data a registry selects agree with exact theory?",
    source="Shumailov et al. 2023, section 4; Alemohammad et al. 2023; theory derived in simulator/oracles",
    experiment=_theory,
    metrics=("mean_error", "variance"),
    minutes={"smoke": 0.1, "standard": 3, "full": 60},
    theory=expected,
    rounds={"standard": (1, 2, 5, 10, 15, 20), "full": (1, 2, 5, 10, 20, 50, 100)},
    condition=_condition,
)


def _accumulate(size: Size) -> Experiment:
    n, generations, seeds = {"smoke": (200, 2, 2), "standard": (1000, 10, 10), "full": (1000, 20, 30)}[size]
    regimes: list[Regime] = [Replace(), AccumulateSubsample(), Accumulate(), Preserve(0.1), HumanOnly()]
    family, corpus = GMM(components=10 if size != "smoke" else 3), Digits()
    runs = [Run(family, corpus, r, n=n, generations=generations, seed=s) for s in range(seeds) for r in regimes]
    return Experiment("replace-vs-accumulate", tuple(runs))


ACCUMULATE = Reproduction(
    name="replace-vs-accumulate",
    question="Does accumulating data prevent the collapse that replacing data causes?",
    source="Gerstgrasser et al. 2024; Kazdan et al. 2024",
    experiment=_accumulate,
    metrics=("held_out_nll", "recall", "frechet"),
    minutes={"smoke": 0.2, "standard": 2, "full": 20},
    baseline="human-only",
)
