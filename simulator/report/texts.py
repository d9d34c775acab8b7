"""The parts of the report about text: texts that models generated, and their perplexities under the first model."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from simulator.report.charts import Frame, svg, tag, text
from simulator.report.groups import Group
from simulator.report.numbers import compact, ticks

_BINS = 30
_WIDTH, _HEIGHT = 360, 210


@dataclass(frozen=True)
class TextSamples:
    """Texts that models generated: one row per group of runs, one column per round."""

    rounds: list[int]
    rows: list[tuple[Group, list[str]]]


@dataclass(frozen=True)
class PerplexityHistogram:
    """The histograms of the perplexities of a group of runs, in one chart: one curve per round."""

    group: Group
    svg: str


def texts(groups: Sequence[Group], rounds: Sequence[int]) -> TextSamples | None:
    """Return the first text of each of these rounds, from the first run of each group of runs.

    Return None if the items are not texts.
    """
    shown = [r for r in rounds if all(_file(group, r, "json").is_file() for group in groups)]
    if not shown:
        return None
    rows = []
    for group in groups:
        samples: list[list[str]] = [json.loads(_file(group, r, "json").read_text(encoding="utf-8")) for r in shown]
        rows.append((group, [texts_of_round[0] if texts_of_round else "" for texts_of_round in samples]))
    return TextSamples(shown, rows)


def histograms(groups: Sequence[Group], rounds: Sequence[int]) -> list[PerplexityHistogram]:
    """Return the histograms of the perplexities of items under the first model: one chart per group of runs.

    The height of a curve is the share of a round's items in an interval of perplexities. All charts have the same
    intervals and the same vertical scale. Later rounds are darker. Source: Shumailov et al. 2023, figure 1c.
    """
    by_group = [
        (group, {r: values for r in rounds if (values := _perplexities(group, r)) is not None}) for group in groups
    ]
    measured = [values for _, by_round in by_group for values in by_round.values()]
    if not measured:
        return []
    joined = np.concatenate(measured)
    edges = np.geomspace(max(joined.min(), 1.0), max(joined.max(), 2.0), _BINS + 1)
    top = max(_shares(values, edges).max() for values in measured)
    return [PerplexityHistogram(group, _draw(group, by_round, edges, top)) for group, by_round in by_group if by_round]


def _perplexities(group: Group, round_: int) -> npt.NDArray[np.float64] | None:
    """Return the finite perplexities of a round from all runs of the group; None if there are none."""
    files = [run.folder / "samples" / f"round-{round_:03d}.perplexity.npy" for run in group.runs]
    values = [np.load(file, allow_pickle=False).reshape(-1) for file in files if file.is_file()]
    joined = np.concatenate([np.empty(0), *values])
    finite = joined[np.isfinite(joined)]
    return finite if len(finite) else None


def _shares(values: npt.NDArray[np.float64], edges: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), edges)
    return np.asarray(counts / len(values))


def _draw(
    group: Group, by_round: dict[int, npt.NDArray[np.float64]], edges: npt.NDArray[np.float64], top: float
) -> str:
    low, high = np.log10(edges[[0, -1]])
    frame = Frame(_WIDTH, _HEIGHT, float(low), float(high), 0, float(top) * 1.05)
    middles = np.log10(np.sqrt(edges[:-1] * edges[1:]))
    last = max(max(by_round), 1)
    drawn = []
    for round_, values in by_round.items():
        shares = _shares(values, edges)
        points = " ".join(f"{frame.x(x):.1f},{frame.y(y):.1f}" for x, y in zip(middles, shares, strict=True))
        shade = f"color-mix(in oklab, var(--old) {100 * round_ // last}%, var(--young))"
        note = tag("title", "human data" if round_ == 0 else f"round {round_}")
        colour = "var(--human)" if round_ == 0 else shade
        drawn.append(tag("polyline", note, points=points, class_="line", style=f"--c: {colour}"))
    for value in ticks(float(edges[0]), float(edges[-1]), log=True):
        x = frame.x(float(np.log10(value)))
        drawn.append(text(compact(value), x, frame.height - 19, class_="tick", text_anchor="middle"))
    axis = text("perplexity per item under the first model", 195.0, 206.0, class_="axis", text_anchor="middle")
    label = f"{group.label}: perplexities under the first model, by round"
    return svg("".join([*drawn, axis]), _WIDTH, _HEIGHT, label)


def _file(group: Group, round_: int, kind: str) -> Path:
    return group.runs[0].folder / "samples" / f"round-{round_:03d}.{kind}"
