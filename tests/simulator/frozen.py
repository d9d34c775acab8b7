"""One run of each family, regime and world, whose id and results are frozen in `frozen.json`.

`Run.id` names a run's items, and the registry draws by their digests. So a changed id changes what every later round
trains on. This must not happen by accident, such as by moving a class to another module.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np

from simulator.config import Run
from simulator.data.corpora import Blobs, Digits, Normal
from simulator.data.images import Idx, Pixels
from simulator.data.linear import Linear
from simulator.data.texts import Text
from simulator.data.zipf import Zipf
from simulator.families.gaussian import Gaussian
from simulator.families.gmm import GMM
from simulator.families.hf import HuggingFace, Opt125m
from simulator.families.ngram import NGram
from simulator.families.regression import Regression
from simulator.families.transformer import Transformer
from simulator.families.vae import VAE
from simulator.families.verified import Verified
from simulator.regimes import (
    Accumulate,
    AccumulateSubsample,
    Archive,
    Augment,
    Cap,
    Crawl,
    Decay,
    Entrant,
    Fresh,
    Golden,
    HumanOnly,
    HumanPart,
    Preserve,
    Replace,
)
from simulator.runs.results import Results
from simulator.worlds.base import Truthful
from simulator.worlds.commons import Commons

FILE = Path(__file__).parent / "frozen.json"

#: The folder, relative to where the run is played, of the language model that `tiny_opt.save` makes.
OPT = "tiny-opt"
BLOCK = 16

_POOL = Commons(0.5, registered=0.5, providers=2)
_WORDS = Text(tokens="words", vocabulary=64, block=8)


def _run(family: Any, corpus: Any, regime: Any = None, **settings: Any) -> Run:
    return Run(family, corpus, regime or Replace(), **{"n": 30, "generations": 2, "human": 30, "seed": 1, **settings})


def _line(regime: Any, **settings: Any) -> Run:
    return _run(Gaussian(), Normal(60), regime, chains=2, **settings)


#: Runs that are played.
RUNS = {
    "family gaussian": _run(Gaussian("unbiased"), Normal(30), chains=3),
    "family verified": _run(Verified(), Normal(60), human=60, world=Truthful(times=2)),
    "family gmm": _run(GMM(3), Blobs(60, blobs=3), n=60, human=60, chains=2),
    "family vae": _run(VAE("small", steps=4, batch=8), Pixels(), human=40),
    "family ngram": _run(NGram(2, alpha=0.5, vocabulary=64), _WORDS),
    "family transformer": _run(Transformer(1, 2, 16, steps=3, batch=8, vocabulary=64), _WORDS),
    "family hf": _run(HuggingFace(OPT, steps=2, batch=8, beams=0), Text(tokenizer=OPT, block=BLOCK), n=12, human=24),
    "family regression": _run(Regression(), Linear(60, 3), human=60),
    "corpus digits": _run(GMM(2), Digits(4), human=200, n=200),
    "corpus zipf": _run(NGram(vocabulary=50), Zipf(100, words=50)),
    "regime replace": _line(Replace(2), world=Truthful(times=2)),
    "regime accumulate": _line(Accumulate()),
    "regime accumulate-subsample": _line(AccumulateSubsample()),
    "regime preserve": _line(Preserve(0.2)),
    "regime fresh": _line(Fresh(0.2)),
    "regime human-only": _line(HumanOnly()),
    "regime human-part": _line(HumanPart(0.2)),
    "regime augment": _line(Augment(0.5)),
    "regime cap": _line(Cap(0.4)),
    "regime decay": _line(Decay(0.5)),
    "regime golden": _line(Golden(1.0)),
    "regime crawl": _line(Crawl(), world=_POOL),
    "regime crawl log": _line(Crawl(log=True), world=Commons(0.5, registered=0.5, pool=4)),
    "regime entrant": _line(Entrant(entry=1), world=_POOL, generations=3),
    "regime archive": _line(Archive(), world=_POOL),
    "world lies": _line(Crawl(), world=Commons(0.5, lies=0.2, contested=0.5, missed=0.1, accused=0.1, growth=0.05)),
    "world detector": _line(
        Crawl(weigh=True), world=Commons(0.5, registered=0.5, archived=0.2, vouched=True, detector=2.0, pool=4)
    ),
    "world unequal": _line(
        Crawl(), world=Commons(0.5, 0.5, "provider", 3, "zipf", "largest", late=2, training="zipf", base=False)
    ),
}

#: Runs of which the id alone is frozen: their models or files are not at hand.
UNPLAYED = {
    "family opt-125m": _run(Opt125m(), Text()),
    "corpus idx": _run(VAE("paper"), Idx("mnist")),
}


def ids() -> dict[str, str]:
    """Return the id of each run."""
    return {name: run.id for name, run in {**RUNS, **UNPLAYED}.items()}


def describe(results: Results) -> dict[str, Any]:
    """Return what is frozen of a run that was played: digests of its first items, and its rows."""
    contents = results.folder / "contents"
    return {
        "human": _sha256(contents / "human-0000.digests.npy"),
        "outputs": {
            path.name.removesuffix(".digests.npy"): _sha256(path)
            for path in sorted(contents.glob("model*-0001.digests.npy"))
        },
        "rows": results.rows,
    }


def _sha256(path: Path) -> str:
    return hashlib.sha256(np.load(path).tobytes()).hexdigest()


def load() -> dict[str, Any]:
    """Return what was frozen."""
    frozen: dict[str, Any] = json.loads(FILE.read_text())
    return frozen


def save(frozen: dict[str, Any]) -> None:
    """Freeze anew. Do this only if a change of draws is meant, and say so in CHANGELOG.md."""
    FILE.write_text(json.dumps(frozen, indent=1, sort_keys=True) + "\n")
