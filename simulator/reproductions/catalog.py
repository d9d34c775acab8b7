"""The named reproductions, by reference: families bring torch, which a look at the list can do without."""

from simulator import catalog
from simulator.reproductions.base import Reproduction

_HERE = "simulator.reproductions"

REPRODUCTIONS: dict[str, str] = {
    "gaussian-theory": f"{_HERE}.gaussians:THEORY",
    "gmm-notebook": f"{_HERE}.notebook:NOTEBOOK",
    "replace-vs-accumulate": f"{_HERE}.gaussians:ACCUMULATE",
    "value-of-human-data": f"{_HERE}.value:VALUE",
}


def find(name: str) -> Reproduction:
    """The reproduction of a name. Raises ValueError saying which there are."""
    if name not in REPRODUCTIONS:
        raise ValueError(f"nothing is called {name!r}; there are {', '.join(REPRODUCTIONS)}")
    found: Reproduction = catalog.resolve(REPRODUCTIONS[name])
    return found


def every() -> list[Reproduction]:
    """All of them, in the order in which they are told."""
    return [find(name) for name in REPRODUCTIONS]
