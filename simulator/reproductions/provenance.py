"""The results `label-noise`, `lying`, `late-truth` and `first-mover`.

They show the cost of missing, wrong or late claims in a registry, and the value of an archive of human data.
"""

import math
from dataclasses import replace
from typing import NamedTuple

from simulator.config import Experiment, Run
from simulator.data.corpora import Normal
from simulator.families.gaussian import Gaussian
from simulator.regimes import Archive, Crawl, Entrant, HumanOnly, Regime
from simulator.reproductions.base import Reproduction, Size
from simulator.reproductions.pools import limited_chains, theory
from simulator.reproductions.rows import ResultRow, ResultTable
from simulator.worlds.base import TRUTHFUL, World
from simulator.worlds.commons import Commons

_N = 100
_HUMAN = 0.1


class Condition(NamedTuple):
    """A named condition of an experiment: a regime in a world."""

    name: str
    regime: Regime
    world: World
    archive: int = _N
    """number of human items that are registered before round 1"""


def _runs(size: Size, cases: list[Condition], generations: int) -> tuple[Run, ...]:
    """Return runs of every condition with every seed: Gaussians with n = 100.

    The standard deviation of mean_error between seeds is 12 % with 250 chains, and still 10 % with 500 chains, because
    all chains share the selection of items. So 36 seeds give a standard error of 2 %. If the pool is large, the number
    of chains is limited.
    """
    chains, seeds = {"smoke": (40, 1), "standard": (250, 36), "full": (1_000, 50)}[size]
    return tuple(
        Run(
            Gaussian(),
            Normal(case.archive),
            case.regime,
            n=_N,
            generations=2 if size == "smoke" else generations,
            chains=limited_chains(case.world, _N, chains),
            human=case.archive,
            world=case.world,
            seed=seed,
        )
        for seed in range(seeds)
        for case in (cases[:2] + cases[-1:] if size == "smoke" else cases)
    )


class ConditionNames:
    """A function object that returns the name of a run's condition."""

    def __init__(self, cases: list[Condition]) -> None:
        self._names = {(case.regime, case.world, case.archive): case.name for case in cases}

    def __call__(self, run: Run) -> str:
        return self._names[run.regime, run.world, run.humans]


_METRICS = ("mean_error", "variance", "true_human_share")
_ROUNDS: dict[Size, tuple[int, ...]] = {"smoke": (1, 2), "standard": (2, 5, 10), "full": (2, 5, 10)}

_TRUE = Commons(human=_HUMAN)
#: The sizes of the pool, as multiples of n, in the world in which policies for unknown items are compared. Half of the
#: output is registered, and a tenth of the human items is registered as human. With 20 n = 2,000 items, 200 are human,
#: and only 20 of these are registered, fewer than n = 100. With 100 n = 10,000 items, 100 are registered, so that also
#: a policy that drops unknown items can select n items. Worlds with a detector have the smaller pool.
_FEW, _ENOUGH = 20, 100


def _half(pool: int = _FEW, **settings: float) -> Commons:
    return replace(Commons(human=_HUMAN, registered=0.5, archived=0.1, pool=pool), **settings)  # type: ignore[arg-type]


def _policy(pool: int, policy: str) -> str:
    return f"half registered, a tenth archived, pool of {pool * _N:,}, {policy}"


#: The world for false positives: of 1,000 items, 900 are model output, and 90 of these are not registered.
_ACCUSED = Commons(human=_HUMAN, registered=0.9, pool=10)


_NOISE = [
    Condition("human-only", HumanOnly(), TRUTHFUL),
    Condition("true labels", Crawl(), _TRUE),
    Condition("no labels", Crawl(models="keep"), _TRUE),
    *(Condition(f"coverage {c:.0%}", Crawl(), Commons(human=_HUMAN, registered=c)) for c in (0.99, 0.9, 0.5)),
    *(Condition(f"false negatives {m:.0%}", Crawl(), Commons(human=_HUMAN, missed=m)) for m in (0.01, 0.1, 0.5)),
    Condition(
        "false negatives 1 %, 1 % more each generation",
        Crawl(),
        Commons(human=_HUMAN, missed=0.01, growth=0.01),
    ),
    *(
        Condition(
            f"false positives {a:.0%}, {fixed} fixed", Crawl(everything=fixed == "pool"), replace(_ACCUSED, accused=a)
        )
        for fixed in ("n", "pool")
        for a in (0.0, 0.1, 0.5)
    ),
    Condition(
        "false positives 10 %, 10 % more each generation, n fixed",
        Crawl(),
        replace(_ACCUSED, accused=0.1, growth=0.1),
    ),
    *(
        Condition(_policy(pool, policy), regime, _half(pool))
        for pool, policy, regime in (
            (_FEW, "unknown as human", Crawl()),
            (_FEW, "unknown dropped: 20 items in place of 100", Crawl(unknown="drop", everything=True)),
            (_FEW, "unknown as model: 20 known human, 80 of the rest", Crawl(unknown="model", share=0.2)),
            (_ENOUGH, "unknown as human", Crawl()),
            (_ENOUGH, "unknown dropped", Crawl(unknown="drop")),
        )
    ),
    *(
        Condition(
            _policy(_FEW, f"weighted by probability, {who}"), Crawl(weigh=True), _half(detector=distance, vouched=True)
        )
        for distance, who in (
            (0.01, "of a detector that sees nothing"),
            (1.0, "of a detector 1 apart"),
            (3.0, "of a detector 3 apart"),
        )
    ),
]

LABEL_NOISE = Reproduction(
    name="label-noise",
    question="What do missing and wrong labels cost, and which policy for unknown items is best?",
    source="not published; theory in simulator/oracles/commons.py",
    experiment=lambda size: Experiment("label-noise", _runs(size, _NOISE, 10)),
    metrics=_METRICS,
    minutes={"smoke": 0.2, "standard": 25, "full": 240},
    theory=theory,
    baseline="true labels",
    rounds=_ROUNDS,
    condition=ConditionNames(_NOISE),
)

_LIES = [
    Condition("human-only", HumanOnly(), TRUTHFUL),
    Condition("honest", Crawl(), _TRUE),
    *(Condition(f"{share:.0%} lied about", Crawl(), Commons(human=_HUMAN, lies=share)) for share in (0.05, 0.2, 1.0)),
    *(
        Condition(
            f"20% lied about, {caught:.0%} of it contested, {policy}",
            Crawl(contested="drop" if policy == "dropped" else "human"),
            Commons(human=_HUMAN, lies=0.2, contested=caught),
        )
        for caught in (0.5, 1.0)
        for policy in ("dropped", "taken as human")
    ),
]

LYING = Reproduction(
    name="lying",
    question="What do false claims of a provider cost, and does a second claim help?",
    source="not published; theory in simulator/oracles/commons.py",
    experiment=lambda size: Experiment("lying", _runs(size, _LIES, 10)),
    metrics=_METRICS,
    minutes={"smoke": 0.2, "standard": 6, "full": 120},
    theory=theory,
    baseline="honest",
    rounds=_ROUNDS,
    condition=ConditionNames(_LIES),
)


def _late(turn: int) -> list[Condition]:
    """Return the conditions with late claims.

    In most of them, a fifth of the output is registered at once. The missing claims follow at the end of round `turn`,
    or never.
    """
    known = Commons(human=_HUMAN, registered=0.2, pool=10)
    corrected = Commons(human=_HUMAN, registered=0.2, pool=10, late=turn)
    return [
        Condition("human-only", HumanOnly(), TRUTHFUL),
        Condition("in time", Crawl(), Commons(human=_HUMAN)),
        Condition("never", Crawl(), known),
        Condition("never, all pools crawled", Crawl(rounds=0), known),
        Condition(f"at the end of generation {turn}, all pools crawled", Crawl(rounds=0), corrected),
        Condition(f"at the end of generation {turn}", Crawl(), corrected),
    ]


def _recovery(table: ResultTable) -> list[str]:
    """Return a remark about recovery in one round, which is due to the design of the experiment."""
    return [
        "Each round fits a new model to the items that its recipe selects. So a provider that crawls only the latest "
        "pool always recovers in one round: this follows from the design of the experiment and is not a finding."
    ]


_TURNS: dict[Size, int] = {"smoke": 1, "standard": 5, "full": 5}

LATE_TRUTH = Reproduction(
    name="late-truth",
    question="If missing claims arrive late, which training sets were tainted, and how fast do models recover?",
    source="not published",
    experiment=lambda size: Experiment("late-truth", _runs(size, _late(_TURNS[size]), 10)),
    metrics=(*_METRICS, "tainted"),
    minutes={"smoke": 0.2, "standard": 4, "full": 100},
    theory=theory,
    answer=_recovery,
    baseline="in time",
    rounds={"smoke": (1, 2), "standard": (2, 4, 5, 6, 7, 10), "full": (2, 4, 5, 6, 7, 10)},
    condition=ConditionNames(_late(_TURNS["smoke"]) + _late(_TURNS["standard"])),
)

_UNKNOWN = Commons(human=_HUMAN, registered=0.0)
#: A number of pools that is larger than the number of rounds: it selects all pools.
_EVERY = 99


def _backdated(lies: float, contested: float = 0.0) -> Commons:
    """Return a world in which a share of the output is registered as human, with a date before the first model."""
    return Commons(human=_HUMAN, lies=lies, contested=contested, backdated=True)


#: The number of items in the archive of the first mover. Each condition is a separate world with one provider. So the
#: owner of the archive has no competitor, and the pool that an entrant finds is that of a provider that has crawled
#: each generation's pool.
_ARCHIVE = 400
_FIRST = [
    Condition("first mover: 100 of an archive of 400, by collected_before", Archive(), _UNKNOWN, _ARCHIVE),
    *(
        Condition(
            f"comes in at generation {entry} with what the pool then holds", Entrant(entry=entry), _UNKNOWN, _ARCHIVE
        )
        for entry in (1, 3, 5)
    ),
    Condition("crawls each generation's pool", Crawl(), _UNKNOWN, _ARCHIVE),
    Condition("crawls all pools so far, and what is archived", Crawl(rounds=0), _UNKNOWN, _ARCHIVE),
    *(
        Condition(f"the archive, {lies:.0%} of outputs back-dated", Archive(), _backdated(lies), _ARCHIVE)
        for lies in (0.01, 0.1, 0.5)
    ),
    Condition("the archive, half back-dated, all contested", Archive(), _backdated(0.5, contested=1.0), _ARCHIVE),
    *(
        Condition(f"all of an archive of {items}", Archive(everything=True), _UNKNOWN, items)
        for items in (50, 100, 400)
    ),
    *(
        Condition(
            f"all that was crawled since, {pool * _N} more each generation",
            Crawl(rounds=_EVERY, everything=True),
            Commons(human=_HUMAN, registered=0.0, pool=pool),
        )
        for pool in (10, 3, 1)
    ),
]


def _worth(table: ResultTable) -> list[str]:
    """Return sentences that express the error of each condition as a number of archived items with the same error."""
    lines = [
        "Each condition is a separate world with one provider. An entrant is measured from the generation after its "
        "entry on, because earlier models are not its own.",
        "The numbers below are values in archived items, 1/mean_error: a model that is fitted to A archived items has "
        "an expected mean_error of 1/A.",
    ]
    for condition in table.groups:
        rows = table.of("mean_error", condition)
        values = ", ".join(f"{1 / row.measured:.0f}{_ends(row)} at generation {row.round}" for row in rows)
        lines.append(f"{condition}: {values}.")
    return lines


def _ends(row: ResultRow) -> str:
    return "" if math.isnan(row.low) or row.low <= 0 else f" [{1 / row.high:.0f}, {1 / row.low:.0f}]"


def _covers(run: Run, round: int) -> bool:
    """Return whether a round is shown in the table. The rounds up to the entry of an entrant are not shown."""
    return not isinstance(run.regime, Entrant) or round > run.regime.entry


FIRST_MOVER = Reproduction(
    name="first-mover",
    question="What is an archive from before the first model worth to its owner, and what do back-dated claims cost?",
    source="question from Shumailov et al. 2023; the result is not published; theory in simulator/oracles",
    experiment=lambda size: Experiment("first-mover", _runs(size, _FIRST, 10)),
    metrics=_METRICS,
    minutes={"smoke": 0.2, "standard": 15, "full": 100},
    theory=theory,
    answer=_worth,
    rounds={"smoke": (1, 2), "standard": (1, 2, 3, 5, 10), "full": (1, 2, 3, 5, 10)},
    covers=_covers,
    condition=ConditionNames(_FIRST),
)
