"""The table of named results.

It has import paths instead of objects, because the results import torch, which other commands do not need.
"""

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
    """Return the definition of the result with this name.

    Raises ValueError if there is none; the message lists all names.
    """
    if name not in REPRODUCTIONS:
        raise ValueError(f"{name!r} is not a named result: write one of {', '.join(REPRODUCTIONS)}")
    reproduction: Reproduction = names.resolve(REPRODUCTIONS[name])
    return reproduction


def every() -> list[Reproduction]:
    """Return the definitions of all named results, in the order of `REPRODUCTIONS`."""
    return [find(name) for name in REPRODUCTIONS]
