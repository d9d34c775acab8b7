"""The named reproductions, by reference: families bring torch, which a look at the list can do without."""

from simulator import names
from simulator.reproductions.base import Reproduction

_HERE = "simulator.reproductions"

REPRODUCTIONS: dict[str, str] = {
    "gaussian-theory": f"{_HERE}.gaussians:THEORY",
    "how-much-must-we-know": f"{_HERE}.how_much:HOW_MUCH",
    "coordination": f"{_HERE}.coordination:COORDINATION",
    "label-noise": f"{_HERE}.provenance:LABEL_NOISE",
    "first-mover": f"{_HERE}.provenance:FIRST_MOVER",
    "late-truth": f"{_HERE}.provenance:LATE_TRUTH",
    "lying": f"{_HERE}.provenance:LYING",
    "vae-paper": f"{_HERE}.papers:VAE_PAPER",
    "lm-paper": f"{_HERE}.papers:LM_PAPER",
    "word-survival": f"{_HERE}.words:WORDS",
    "regression": f"{_HERE}.regression:REGRESSION",
    "mad-loops": f"{_HERE}.loops:LOOPS",
    "gmm-notebook": f"{_HERE}.notebook:NOTEBOOK",
    "replace-vs-accumulate": f"{_HERE}.gaussians:ACCUMULATE",
    "value-of-human-data": f"{_HERE}.value:VALUE",
}


def find(name: str) -> Reproduction:
    """The reproduction of a name. Raises ValueError saying which there are."""
    if name not in REPRODUCTIONS:
        raise ValueError(f"nothing is called {name!r}; there are {', '.join(REPRODUCTIONS)}")
    found: Reproduction = names.resolve(REPRODUCTIONS[name])
    return found


def every() -> list[Reproduction]:
    """All of them, in the order in which they are told."""
    return [find(name) for name in REPRODUCTIONS]
