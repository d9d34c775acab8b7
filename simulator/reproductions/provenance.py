"""What a registry that knows too little, or knows it wrongly, or late, does to those who ask it."""

import math
from dataclasses import replace
from typing import NamedTuple

from simulator.config import Experiment, Run
from simulator.data.corpora import Normal
from simulator.families.gaussian import Gaussian
from simulator.regimes import Archive, Crawl, Entrant, HumanOnly, Regime
from simulator.reproductions.base import Reproduction, Size
from simulator.reproductions.pools import held, theory
from simulator.reproductions.rows import ResultRow, ResultTable
from simulator.worlds.commons import TRUTHFUL, Commons, World

_N = 100
_HUMAN = 0.1


class Case(NamedTuple):
    """A condition."""

    name: str
    regime: Regime
    world: World
    archive: int = _N
    """human items before round 1"""


def _runs(size: Size, cases: list[Case], generations: int) -> tuple[Run, ...]:
    """Every case under every seed: Gaussians of n = 100.

    Between seeds mean_error differs by 12 % of its expectation with 250 chains, and by 10 % still with 500: the rest is
    in the items that happened to be drawn. So 36 seeds make it known to 2 %. Where a pool is large, chains are fewer.
    """
    chains, seeds = {"smoke": (40, 1), "standard": (250, 36), "full": (1_000, 50)}[size]
    return tuple(
        Run(
            Gaussian(),
            Normal(case.archive),
            case.regime,
            n=_N,
            generations=2 if size == "smoke" else generations,
            chains=held(case.world, _N, chains),
            human=case.archive,
            world=case.world,
            seed=seed,
        )
        for seed in range(seeds)
        for case in (cases[:2] + cases[-1:] if size == "smoke" else cases)
    )


class _Names:
    """What a run is called: the name of its case."""

    def __init__(self, cases: list[Case]) -> None:
        self._names = {(case.regime, case.world, case.archive): case.name for case in cases}

    def __call__(self, run: Run) -> str:
        return self._names[run.regime, run.world, run.humans]


_METRICS = ("mean_error", "variance", "true_human_share")
_ROUNDS: dict[Size, tuple[int, ...]] = {"smoke": (1, 2), "standard": (2, 5, 10), "full": (2, 5, 10)}

_TRUE = Commons(human=_HUMAN)
#: The world in which policies are compared, in two sizes: half is registered, and a tenth of human items known for what
#: they are. Of 2,000 items 200 are human and 20 of these known, less than the n = 100 that a model takes; of 10,000
#: there are 100 known, and who drops the rest has as many items as all others. The detectors' worlds are the smaller
#: one, with their claims besides.
_FEW, _ENOUGH = 20, 100


def _half(pool: int = _FEW, **settings: float) -> Commons:
    return replace(Commons(human=_HUMAN, registered=0.5, archived=0.1, pool=pool), **settings)  # type: ignore[arg-type]


def _policy(pool: int, policy: str) -> str:
    return f"half registered, a tenth archived, pool of {pool * _N:,}, {policy}"


#: The world of false positives. Of 1,000 items 900 are a model's, 90 of these unknown.
_ACCUSED = Commons(human=_HUMAN, registered=0.9, pool=10)


_NOISE = [
    Case("human-only", HumanOnly(), TRUTHFUL),
    Case("true labels", Crawl(), _TRUE),
    Case("no labels", Crawl(models="keep"), _TRUE),
    *(Case(f"coverage {c:.0%}", Crawl(), Commons(human=_HUMAN, registered=c)) for c in (0.99, 0.9, 0.5)),
    *(Case(f"false negatives {m:.0%}", Crawl(), Commons(human=_HUMAN, missed=m)) for m in (0.01, 0.1, 0.5)),
    Case(
        "false negatives 1 %, 1 % more each generation",
        Crawl(),
        Commons(human=_HUMAN, missed=0.01, growth=0.01),
    ),
    *(
        Case(f"false positives {a:.0%}, {fixed} fixed", Crawl(everything=fixed == "pool"), replace(_ACCUSED, accused=a))
        for fixed in ("n", "pool")
        for a in (0.0, 0.1, 0.5)
    ),
    Case(
        "false positives 10 %, 10 % more each generation, n fixed",
        Crawl(),
        replace(_ACCUSED, accused=0.1, growth=0.1),
    ),
    *(
        Case(_policy(pool, policy), regime, _half(pool))
        for pool, policy, regime in (
            (_FEW, "unknown as human", Crawl()),
            (_FEW, "unknown dropped: 20 items in place of 100", Crawl(unknown="drop", everything=True)),
            (_FEW, "unknown as model: 20 known human, 80 of the rest", Crawl(unknown="model", share=0.2)),
            (_ENOUGH, "unknown as human", Crawl()),
            (_ENOUGH, "unknown dropped", Crawl(unknown="drop")),
        )
    ),
    *(
        Case(
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
    question="What do missing, wrong and growing errors in labels cost, and which policy for unknown items is best?",
    source="nobody has published it; theory in simulator/oracles/commons.py",
    experiment=lambda size: Experiment("label-noise", _runs(size, _NOISE, 10)),
    metrics=_METRICS,
    minutes={"smoke": 0.2, "standard": 25, "full": 240},
    theory=theory,
    baseline="true labels",
    rounds=_ROUNDS,
    condition=_Names(_NOISE),
)

_LIES = [
    Case("human-only", HumanOnly(), TRUTHFUL),
    Case("honest", Crawl(), _TRUE),
    *(Case(f"{share:.0%} lied about", Crawl(), Commons(human=_HUMAN, lies=share)) for share in (0.05, 0.2, 1.0)),
    *(
        Case(
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
    question="What does a provider's lie cost, and does a second claim help?",
    source="nobody has published it; theory in simulator/oracles/commons.py",
    experiment=lambda size: Experiment("lying", _runs(size, _LIES, 10)),
    metrics=_METRICS,
    minutes={"smoke": 0.2, "standard": 6, "full": 120},
    theory=theory,
    baseline="honest",
    rounds=_ROUNDS,
    condition=_Names(_LIES),
)


def _late(turn: int) -> list[Case]:
    """A fifth is registered; at the end of round `turn` the rest is."""
    known = Commons(human=_HUMAN, registered=0.2, pool=10)
    corrected = Commons(human=_HUMAN, registered=0.2, pool=10, late=turn)
    return [
        Case("human-only", HumanOnly(), TRUTHFUL),
        Case("in time", Crawl(), Commons(human=_HUMAN)),
        Case("never", Crawl(), known),
        Case("never, all pools crawled", Crawl(rounds=0), known),
        Case(f"at the end of generation {turn}, all pools crawled", Crawl(rounds=0), corrected),
        Case(f"at the end of generation {turn}", Crawl(), corrected),
    ]


def _recovery(table: ResultTable) -> list[str]:
    """What follows from how a round is played, and is no finding."""
    return [
        "each round's model is fitted afresh, to what its recipe then admits: so who crawls only the latest pool "
        "recovers in one round by construction, whatever it was fitted to before"
    ]


_TURNS: dict[Size, int] = {"smoke": 1, "standard": 5, "full": 5}

LATE_TRUTH = Reproduction(
    name="late-truth",
    question="When the missing claims arrive late: which runs were tainted, and how fast does a line recover?",
    source="nobody has published it",
    experiment=lambda size: Experiment("late-truth", _runs(size, _late(_TURNS[size]), 10)),
    metrics=(*_METRICS, "tainted"),
    minutes={"smoke": 0.2, "standard": 4, "full": 100},
    theory=theory,
    answer=_recovery,
    baseline="in time",
    rounds={"smoke": (1, 2), "standard": (2, 4, 5, 6, 7, 10), "full": (2, 4, 5, 6, 7, 10)},
    condition=_Names(_late(_TURNS["smoke"]) + _late(_TURNS["standard"])),
)

_UNKNOWN = Commons(human=_HUMAN, registered=0.0)
#: More pools than there are in a run.
_EVERY = 99


def _backdated(lies: float, contested: float = 0.0) -> Commons:
    """Of its output a share is registered as human, and from before there was any model."""
    return Commons(human=_HUMAN, lies=lies, contested=contested, backdated=True)


#: What the first mover has, in items. Each case is a world of its own with one provider: an entrant comes in to what a
#: line like `crawls each generation's pool` left, and whoever has the archive competes with nobody.
_ARCHIVE = 400
_FIRST = [
    Case("first mover: 100 of an archive of 400, by collected_before", Archive(), _UNKNOWN, _ARCHIVE),
    *(
        Case(f"comes in at generation {entry} with what the pool then holds", Entrant(entry=entry), _UNKNOWN, _ARCHIVE)
        for entry in (1, 3, 5)
    ),
    Case("crawls each generation's pool", Crawl(), _UNKNOWN, _ARCHIVE),
    Case("crawls all pools so far, and what is archived", Crawl(rounds=0), _UNKNOWN, _ARCHIVE),
    *(
        Case(f"the archive, {lies:.0%} of outputs back-dated", Archive(), _backdated(lies), _ARCHIVE)
        for lies in (0.01, 0.1, 0.5)
    ),
    Case("the archive, half back-dated, all contested", Archive(), _backdated(0.5, contested=1.0), _ARCHIVE),
    *(Case(f"all of an archive of {items}", Archive(everything=True), _UNKNOWN, items) for items in (50, 100, 400)),
    *(
        Case(
            f"all that was crawled since, {pool * _N} more each generation",
            Crawl(rounds=_EVERY, everything=True),
            Commons(human=_HUMAN, registered=0.0, pool=pool),
        )
        for pool in (10, 3, 1)
    ),
]


def _worth(table: ResultTable) -> list[str]:
    """How many archived items would do as well as each condition."""
    lines = [
        "each case is its own world of one provider, and an entrant is told of from the generation after its entry on: "
        "before, the models are another's",
        "worth in archived items: 1/mean_error, for a model that is fitted to A of them has a mean_error of 1/A",
    ]
    for condition in table.groups:
        rows = table.of("mean_error", condition)
        told = ", ".join(f"{1 / row.measured:.0f}{_between(row)} at generation {row.round}" for row in rows)
        lines.append(f"{condition}: worth {told}")
    return lines


def _between(row: ResultRow) -> str:
    return "" if math.isnan(row.low) or row.low <= 0 else f" [{1 / row.high:.0f}, {1 / row.low:.0f}]"


def _there(run: Run, round: int) -> bool:
    """Whether the models of a round are already of whom the case is about: those before an entry are not."""
    return not isinstance(run.regime, Entrant) or round > run.regime.entry


FIRST_MOVER = Reproduction(
    name="first-mover",
    question="What is an archive from before the first model worth, to whom, and what do back-dated claims make of it?",
    source="Shumailov et al. 2023 speak of the first mover; nobody has published it; theory in simulator/oracles",
    experiment=lambda size: Experiment("first-mover", _runs(size, _FIRST, 10)),
    metrics=_METRICS,
    minutes={"smoke": 0.2, "standard": 15, "full": 100},
    theory=theory,
    answer=_worth,
    rounds={"smoke": (1, 2), "standard": (1, 2, 3, 5, 10), "full": (1, 2, 3, 5, 10)},
    tells=_there,
    condition=_Names(_FIRST),
)
