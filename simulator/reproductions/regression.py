"""The result `regression`: linear regression, compared with the formulas of Gerstgrasser et al. 2024."""

from functools import cache

from simulator.config import Experiment, Run
from simulator.data.linear import Linear
from simulator.families.base import Floats
from simulator.families.regression import Regression
from simulator.oracles import expect_regression_accumulate, expect_regression_replace
from simulator.regimes import Accumulate, Regime, Replace
from simulator.reproductions.base import Reproduction, Size
from simulator.reproductions.rows import Reference

_SAMPLES, _DIMENSIONS = 100, 10


def _experiment(size: Size) -> Experiment:
    """Return runs with replace, and with accumulate for fixed inputs and for new inputs.

    The formula for accumulate is exact only for fixed inputs.
    """
    chains, seeds, generations = {"smoke": (100, 1, 3), "standard": (2_000, 5, 20), "full": (5_000, 20, 100)}[size]
    cases: tuple[tuple[Regression, Regime], ...] = (
        (Regression(), Replace()),
        (Regression(inputs="same"), Accumulate()),
        (Regression(), Accumulate()),
    )
    runs = [
        Run(
            family,
            Linear(_SAMPLES, _DIMENSIONS),
            regime,
            n=_SAMPLES,
            generations=generations,
            chains=chains,
            seed=seed,
        )
        for seed in range(seeds)
        for family, regime in cases
    ]
    return Experiment("regression", tuple(runs))


@cache
def _expected(replaces: bool, rounds: int) -> Floats:
    formula = expect_regression_replace if replaces else expect_regression_accumulate
    return formula(_SAMPLES, _DIMENSIONS, rounds)


def theory(run: Run, metric: str, round: int) -> Reference | None:
    """Return the value of the formula for the metric `test_error` in a round.

    The value is exact, but for `accumulate` with new inputs it is approximate. Return None for other metrics and for
    round 0.
    """
    if metric != "test_error" or round == 0 or not isinstance(run.family, Regression):
        return None
    replaces = isinstance(run.regime, Replace)
    exact = replaces or run.family.inputs == "same"
    value = float(_expected(replaces, run.generations)[round - 1])
    return Reference(value, "exact" if exact else "first-order")


def _condition(run: Run) -> str:
    same = isinstance(run.family, Regression) and run.family.inputs == "same"
    return f"{type(run.regime).__name__.lower()}, {'the same' if same else 'new'} inputs"


REGRESSION = Reproduction(
    name="regression",
    question="Does the error of linear regression grow if data are replaced, and stay bounded if they accumulate?",
    source="Gerstgrasser et al. 2024, 2404.01413",
    experiment=_experiment,
    metrics=("test_error",),
    minutes={"smoke": 0.1, "standard": 4, "full": 60},
    theory=theory,
    rounds={"standard": (1, 2, 5, 10, 20), "full": (1, 2, 5, 10, 20, 50, 100)},
    condition=_condition,
)
