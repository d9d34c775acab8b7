"""The result `word-survival`: how many distinct words survive, compared with the lower bound of Suresh et al. 2024."""

from functools import cache

from simulator.config import Experiment, Run
from simulator.data.zipf import Zipf
from simulator.families.base import Floats
from simulator.families.ngram import NGram
from simulator.oracles.words import expect_survivors
from simulator.regimes import HumanOnly, Preserve, Regime, Replace
from simulator.reproductions.base import Reproduction, Size
from simulator.reproductions.rows import Reference

_WORDS = 1_000


def _experiment(size: Size) -> Experiment:
    n, chains, seeds, generations = {
        "smoke": (200, 50, 1, 3),
        "standard": (2_000, 500, 2, 50),
        "full": (2_000, 2_000, 10, 200),
    }[size]
    regimes: tuple[Regime, ...] = (Replace(), Preserve(0.1), HumanOnly())
    runs = [
        Run(NGram(vocabulary=_WORDS), Zipf(n, _WORDS), regime, n=n, generations=generations, chains=chains, seed=seed)
        for seed in range(seeds)
        for regime in regimes
    ]
    return Experiment("word-survival", tuple(runs))


@cache
def _expected(corpus: Zipf, n: int, rounds: int) -> Floats:
    return expect_survivors(corpus.probabilities, n, rounds)


def theory(run: Run, metric: str, round: int) -> Reference | None:
    """Return the lower bound on the number of distinct words (metric `unique`) in a round of the regime `replace`.

    Generation 1 of the paper is round 0 here: its words are drawn with their true probabilities.
    """
    if metric != "unique" or not isinstance(run.regime, Replace) or not isinstance(run.corpus, Zipf):
        return None
    return Reference(float(_expected(run.corpus, run.n, run.generations + 1)[round]), "bound")


WORDS = Reproduction(
    name="word-survival",
    question="How many distinct words survive t generations, and does the lower bound of the paper hold?",
    source="Suresh et al. 2024, 2412.17646",
    experiment=_experiment,
    metrics=("unique",),
    minutes={"smoke": 0.1, "standard": 2, "full": 60},
    theory=theory,
    rounds={"standard": (0, 1, 2, 5, 10, 20, 50), "full": (0, 1, 2, 5, 10, 20, 50, 100, 200)},
)
