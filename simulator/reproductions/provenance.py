"""What a registry that knows too little, or knows it wrongly, or late, does to those who ask it."""

from simulator.config import Experiment, Run
from simulator.corpora import Normal
from simulator.models.gaussian import Gaussian
from simulator.recipes import Archive, Crawl, HumanOnly, Regime
from simulator.reproductions.base import Reproduction, Size
from simulator.reproductions.pools import theory
from simulator.worlds import TRUTHFUL, Commons, World

_N = 100
_HUMAN = 0.1

Case = tuple[str, Regime, World]


def _runs(size: Size, cases: list[Case], generations: int, archive: int = _N) -> tuple[Run, ...]:
    """Every case under every seed: Gaussians of n = 100."""
    chains, seeds = {"smoke": (40, 1), "standard": (200, 12), "full": (1_000, 50)}[size]
    return tuple(
        Run(
            Gaussian(),
            Normal(archive),
            regime,
            n=_N,
            generations=2 if size == "smoke" else generations,
            chains=chains,
            human=archive,
            world=world,
            seed=seed,
        )
        for seed in range(seeds)
        for _, regime, world in (cases[:2] + cases[-1:] if size == "smoke" else cases)
    )


class _Names:
    """What a run is called: the name of its case."""

    def __init__(self, cases: list[Case]) -> None:
        self._names = {(regime, world): name for name, regime, world in cases}

    def __call__(self, run: Run) -> str:
        return self._names[run.regime, run.world]


_METRICS = ("mean_error", "variance", "true_human_share")
_ROUNDS: dict[Size, tuple[int, ...]] = {"smoke": (1, 2), "standard": (2, 5, 10), "full": (2, 5, 10)}

_TRUE = Commons(human=_HUMAN)
_NOISE: list[Case] = [
    ("human-only", HumanOnly(), TRUTHFUL),
    ("true labels", Crawl(), _TRUE),
    ("no labels", Crawl(models="keep"), _TRUE),
    *((f"coverage {c:.0%}", Crawl(), Commons(human=_HUMAN, registered=c)) for c in (0.99, 0.9, 0.5)),
    *((f"false negatives {m:.0%}", Crawl(), Commons(human=_HUMAN, missed=m)) for m in (0.01, 0.1, 0.5)),
    (
        "false negatives 1 %, 1 % more each generation",
        Crawl(),
        Commons(human=_HUMAN, missed=0.01, growth=0.01),
    ),
    *(
        (f"false positives {a:.0%}, n fixed", Crawl(), Commons(human=_HUMAN, accused=a, registered=0.9, pool=20))
        for a in (0.0, 0.1, 0.5)
    ),
    *(
        (f"false positives {a:.0%}, pool fixed", Crawl(everything=True), Commons(human=_HUMAN, accused=a, pool=10))
        for a in (0.0, 0.1, 0.5)
    ),
    *(
        (f"half unregistered, unknown {policy}", regime, Commons(human=_HUMAN, registered=0.5, archived=0.5, pool=20))
        for policy, regime in (
            ("as human", Crawl()),
            ("dropped", Crawl(unknown="drop")),
            ("as model, a tenth human", Crawl(unknown="model", share=0.1)),
        )
    ),
    *(
        (
            f"half unregistered, weighted by a detector {distance:g} apart",
            Crawl(weigh=True),
            Commons(human=_HUMAN, registered=0.5, detector=distance, pool=20),
        )
        for distance in (1.0, 3.0)
    ),
]

LABEL_NOISE = Reproduction(
    name="label-noise",
    question="What do missing, wrong and growing errors in labels cost, and which policy for unknown items is best?",
    source="nobody has published it; theory in simulator/oracles/commons.py",
    experiment=lambda size: Experiment("label-noise", _runs(size, _NOISE, 10)),
    metrics=_METRICS,
    minutes={"smoke": 0.2, "standard": 8, "full": 200},
    theory=theory,
    baseline="true labels",
    rounds=_ROUNDS,
    condition=_Names(_NOISE),
)

_LIES: list[Case] = [
    ("human-only", HumanOnly(), TRUTHFUL),
    ("honest", Crawl(), _TRUE),
    *((f"{share:.0%} lied about", Crawl(), Commons(human=_HUMAN, lies=share)) for share in (0.05, 0.2, 1.0)),
    *(
        (
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
    minutes={"smoke": 0.2, "standard": 4, "full": 120},
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
        ("human-only", HumanOnly(), TRUTHFUL),
        ("in time", Crawl(), Commons(human=_HUMAN)),
        ("never", Crawl(), known),
        ("never, all pools crawled", Crawl(rounds=0), known),
        (f"at the end of generation {turn}, all pools crawled", Crawl(rounds=0), corrected),
        (f"at the end of generation {turn}", Crawl(), corrected),
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
    baseline="in time",
    rounds={"smoke": (1, 2), "standard": (2, 4, 5, 6, 7, 10), "full": (2, 4, 5, 6, 7, 10)},
    condition=_Names(_late(_TURNS["smoke"]) + _late(_TURNS["standard"])),
)

_UNKNOWN = Commons(human=_HUMAN, registered=0.0)
_FIRST: list[Case] = [
    ("first mover: the archive, by collected_before", Archive(), _UNKNOWN),
    ("late entrant: what the pool holds", Crawl(), _UNKNOWN),
    ("everything crawled since", Crawl(rounds=0), _UNKNOWN),
    *(
        (f"the archive, {lies:.0%} of outputs back-dated", Archive(), Commons(human=_HUMAN, lies=lies, backdated=True))
        for lies in (0.01, 0.1, 0.5)
    ),
    (
        "the archive, half back-dated, all contested",
        Archive(),
        Commons(human=_HUMAN, lies=0.5, contested=1, backdated=True),
    ),
]

FIRST_MOVER = Reproduction(
    name="first-mover",
    question="What is an archive from before the first model worth, and what do back-dated claims make of it?",
    source="Shumailov et al. 2023 speak of the first mover; nobody has published it",
    experiment=lambda size: Experiment("first-mover", _runs(size, _FIRST, 10, archive=400)),
    metrics=_METRICS,
    minutes={"smoke": 0.2, "standard": 4, "full": 100},
    theory=theory,
    rounds={"smoke": (1, 2), "standard": (1, 3, 5, 10), "full": (1, 3, 5, 10)},
    condition=_Names(_FIRST),
)
