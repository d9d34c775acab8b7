"""Text that models made, side by side, and how likely the first model finds what each round made."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from simulator.report.charts import Frame, tag, text
from simulator.report.charts import svg as drawing
from simulator.report.groups import Group
from simulator.report.numbers import compact, ticks

_BINS = 30
_SHADES = 100


@dataclass(frozen=True)
class Texts:
    """Text by regime (rows) and round (columns)."""

    rounds: list[int]
    rows: list[tuple[Group, list[str]]]


@dataclass(frozen=True)
class Histogram:
    """A regime's perplexities, a curve a round."""

    group: Group
    svg: str


def texts(groups: Sequence[Group], rounds: Sequence[int]) -> Texts | None:
    """The first text of each of these rounds, of each group's first run; None where the items are no text."""
    shown = [r for r in rounds if all(_file(group, r, "json").is_file() for group in groups)]
    if not shown:
        return None
    return Texts(shown, [(group, [_first(_file(group, r, "json")) for r in shown]) for group in groups])


def _first(file: Path) -> str:
    found: list[str] = json.loads(file.read_text(encoding="utf-8"))
    return found[0] if found else ""


def histograms(groups: Sequence[Group], rounds: Sequence[int]) -> list[Histogram]:
    """Perplexity of items under the first model (Shumailov et al. 2023, figure 1c), as shares of a round's items.

    All regimes have the same bins and heights; later rounds are drawn darker.
    """
    found = [
        (group, {r: values for r in rounds if (values := _perplexities(group, r)) is not None}) for group in groups
    ]
    measured = [values for _, by_round in found for values in by_round.values()]
    if not measured:
        return []
    every = np.concatenate(measured)
    edges = np.geomspace(max(every.min(), 1.0), max(every.max(), 2.0), _BINS + 1)
    top = max(_shares(values, edges).max() for values in measured)
    return [Histogram(group, _drawn(group, by_round, edges, top)) for group, by_round in found if by_round]


def _perplexities(group: Group, round_: int) -> npt.NDArray[np.float64] | None:
    """Of all runs of the group, finite ones."""
    files = [run.folder / "samples" / f"round-{round_:03d}.perplexity.npy" for run in group.runs]
    values = [np.load(file, allow_pickle=False).reshape(-1) for file in files if file.is_file()]
    joined = np.concatenate([np.empty(0), *values])
    kept = joined[np.isfinite(joined)]
    return kept if len(kept) else None


def _shares(values: npt.NDArray[np.float64], edges: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    return np.asarray(counts / len(values))


def _drawn(
    group: Group, by_round: dict[int, npt.NDArray[np.float64]], edges: npt.NDArray[np.float64], top: float
) -> str:
    low, high = np.log10(edges[[0, -1]])
    frame = Frame(360, 210, float(low), float(high), 0, float(top) * 1.05)
    last = max(by_round)
    drawn = [_curve(frame, r, last, _shares(values, edges), edges) for r, values in by_round.items()]
    marks = [
        text(compact(value), frame.x(float(np.log10(value))), frame.height - 19, class_="tick", text_anchor="middle")
        for value in ticks(float(edges[0]), float(edges[-1]), log=True)
    ]
    axis = text("perplexity of an item under the first model", 195.0, 206.0, class_="axis", text_anchor="middle")
    return drawing(
        "".join([*drawn, *marks, axis]), 360, 210, f"{group.label}: perplexities under the first model, by round"
    )


def _curve(
    frame: Frame, round_: int, last: int, shares: npt.NDArray[np.float64], edges: npt.NDArray[np.float64]
) -> str:
    middles = np.log10(np.sqrt(edges[:-1] * edges[1:]))
    points = " ".join(f"{frame.x(x):.1f},{frame.y(y):.1f}" for x, y in zip(middles, shares, strict=True))
    colour = "var(--human)" if round_ == 0 else ""
    age = f"color-mix(in oklab, var(--old) {_SHADES * round_ // max(last, 1)}%, var(--young))"
    note = tag("title", "human data" if round_ == 0 else f"round {round_}")
    return tag("polyline", note, points=points, class_="line", style=f"--c: {colour or age}")


def _file(group: Group, round_: int, kind: str) -> Path:
    return group.runs[0].folder / "samples" / f"round-{round_:03d}.{kind}"
