"""The result `mad-loops`: the three training loops of Alemohammad et al. 2023, with and without sampling bias."""

from functools import cache

from simulator import oracles
from simulator.config import Experiment, Run
from simulator.data.corpora import Normal
from simulator.families.gaussian import Gaussian
from simulator.oracles import Expected
from simulator.regimes import Augment, Fresh, Regime, Replace
from simulator.reproductions.base import Reproduction, Size
from simulator.reproductions.rows import Reference

_N = 100
_BIASES = (1.0, 0.8)
_SHARE = 0.5


def _experiment(size: Size) -> Experiment:
    chains, seeds, generations = {"smoke": (100, 1, 3), "standard": (6_000, 5, 20), "full": (10_000, 10, 100)}[size]
    regimes: tuple[Regime, ...] = (Replace(), Augment(), Fresh(_SHARE))
    runs = [
        Run(Gaussian(bias=bias), Normal(_N), regime, n=_N, generations=generations, chains=chains, seed=seed)
        for seed in range(seeds)
        for regime in regimes
        for bias in _BIASES
    ]
    return Experiment("mad-loops", tuple(runs))


@cache
def _expected(regime: Regime, bias: float, rounds: int) -> Expected:
    if isinstance(regime, Augment):
        return oracles.expect_augment(_N, _N, bias, rounds)
    humans = regime.new_humans(_N)
    return oracles.expect_fresh_biased(humans, _N - humans, bias, rounds)


def theory(run: Run, metric: str, round: int) -> Reference | None:
    """Return the exact value of a metric of a Gaussian in a round: E[v_t] for `variance`, E[μ_t²] for `mean_error`.

    v_t and μ_t are the variance and the mean of the model after fit t. Return None for other metrics and for round 0.
    """
    if round == 0 or not isinstance(run.family, Gaussian):
        return None
    exact = _expected(run.regime, run.family.bias, run.generations)
    columns = {"variance": exact.variance, "mean_error": exact.mean_squared}
    return Reference(float(columns[metric][round - 1]), "exact") if metric in columns else None


_LOOPS = {Replace: "fully synthetic", Augment: "synthetic augmentation", Fresh: "fresh data"}


def _condition(run: Run) -> str:
    bias = run.family.bias if isinstance(run.family, Gaussian) else 1.0
    return f"{_LOOPS[type(run.regime)]}, λ = {bias:g}"


LOOPS = Reproduction(
    name="mad-loops",
    question="Which of the three training loops collapse, and how much earlier do they collapse with sampling bias?",
    source="Alemohammad et al. 2023, 2307.01850; theory derived in simulator/oracles/loops.py",
    experiment=_experiment,
    metrics=("variance", "mean_error"),
    minutes={"smoke": 0.1, "standard": 1, "full": 60},
    theory=theory,
    rounds={"standard": (1, 2, 5, 10, 20), "full": (1, 2, 5, 10, 20, 50, 100)},
    condition=_condition,
)
