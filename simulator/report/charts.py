"""Charts as SVG, drawn by hand: no script, no font, and colours that follow the page into the dark.

Colours are CSS variables (`--line-0` …, `--ink`, `--quiet`, `--grid`): the page, or the style that a stand-alone figure
carries, gives them values.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from operator import itemgetter

from simulator.report.numbers import compact, ticks


@dataclass(frozen=True)
class Line:
    """One curve and its band; `mean`, `low` and `high` are as long as `rounds`."""

    label: str
    slot: int  # which of the colours
    rounds: Sequence[int]
    mean: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]


@dataclass(frozen=True)
class Layer:
    """A piece of a stacked bar. `kind` is the class that colours it; `age`, 0 to 1, shades it."""

    kind: str
    name: str
    height: float
    age: float | None = None


@dataclass(frozen=True)
class Bar:
    """One stacked bar, from the bottom up."""

    round: int
    layers: Sequence[Layer]


@dataclass(frozen=True)
class Frame:
    """The box that data is drawn in: data → viewBox units."""

    width: float
    height: float
    x0: float
    x1: float
    y0: float
    y1: float
    right: float = 14
    left: float = 44
    top: float = 12
    bottom: float = 36
    log: bool = False

    def x(self, value: float) -> float:
        return self.left + (self.width - self.left - self.right) * (value - self.x0) / ((self.x1 - self.x0) or 1)

    def y(self, value: float) -> float:
        low, high, at = (math.log10(max(v, self.y0)) if self.log else v for v in (self.y0, self.y1, value))
        return self.height - self.bottom - (self.height - self.top - self.bottom) * (at - low) / ((high - low) or 1)


def tag(name: str, content: str = "", **attributes: object) -> str:
    """An element; `_` in the name of an attribute is `-`, as in `stroke_width`, and a last `_` is dropped."""
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_value(value))}"' for key, value in attributes.items()
    )
    return f"<{name}{written}>{content}</{name}>" if content else f"<{name}{written}/>"


def _value(value: object) -> str:
    return f"{value:.1f}" if isinstance(value, float) else str(value)


def text(content: str, x: float, y: float, **attributes: object) -> str:
    return tag("text", escape(content), x=x, y=y, **attributes)


def svg(content: str, width: float, height: float, label: str) -> str:
    return tag("svg", content, viewBox=f"0 0 {width:g} {height:g}", role="img", aria_label=label, class_="chart")


def curves(
    lines: Sequence[Line], *, title: str, width: float = 360, height: float = 230, level: float | None = None
) -> str:
    """Curves by round with their bands, and a dashed line at `level`, what human data itself scores.

    On a chart wider than 500 units each curve bears its name at its end; a page with narrow ones has a legend.
    """
    named = width > 500
    frame = _frame(lines, level, width, height, right=148 if named else 14)
    drawn = [*_grid(frame), *_rounds(frame)]
    if level is not None:
        drawn.append(_level(frame, level))
    drawn += [_band(frame, line) for line in lines] + [_curve(frame, line) for line in lines]
    if named:
        drawn += _names(frame, lines)
    return svg("".join(drawn), width, height, title)


def _frame(lines: Sequence[Line], level: float | None, width: float, height: float, right: float) -> Frame:
    """The box that holds every curve and band; logarithmic where positive means span more than a factor of 50."""
    means = [v for line in lines for v in line.mean] + ([] if level is None else [level])
    values = means + [v for line in lines for v in (*line.low, *line.high)]
    rounds = [r for line in lines for r in line.rounds]
    log = min(means) > 0 and max(means) > 50 * min(means)
    # An interval that reaches zero has no end on a logarithmic scale: it is cut off below the lowest mean.
    low, high = _linear(min(values), max(values)) if not log else (max(min(values), min(means) / 3), max(values))
    return Frame(width, height, min(rounds), max(rounds), low, high, right=right, log=log)


def _linear(low: float, high: float) -> tuple[float, float]:
    """With a margin, that must not suggest negative values where there are none."""
    margin = 0.05 * (high - low) or 0.4 * abs(high) or 1.0
    return 0.0 if low >= 0 > low - margin else low - margin, high + margin


def _grid(frame: Frame) -> Iterator[str]:
    for value in ticks(frame.y0, frame.y1, log=frame.log):
        y = frame.y(value)
        yield tag("line", x1=frame.left, x2=frame.width - frame.right, y1=y, y2=y, class_="grid")
        yield text(compact(value), frame.left - 7, y + 4, class_="tick", text_anchor="end")


def _rounds(frame: Frame) -> Iterator[str]:
    y = frame.height - frame.bottom + 17
    for value in ticks(frame.x0, frame.x1, count=6, whole=True):
        yield text(compact(value), frame.x(value), y, class_="tick", text_anchor="middle")
    middle = (frame.left + frame.width - frame.right) / 2
    yield text("round", middle, frame.height - 4, class_="axis", text_anchor="middle")


def _level(frame: Frame, level: float) -> str:
    y = frame.y(level)
    return tag("line", x1=frame.left, x2=frame.width - frame.right, y1=y, y2=y, class_="level")


def _points(frame: Frame, rounds: Sequence[int], values: Sequence[float]) -> str:
    return " ".join(f"{frame.x(r):.1f},{frame.y(v):.1f}" for r, v in zip(rounds, values, strict=True))


def _band(frame: Frame, line: Line) -> str:
    there = _points(frame, line.rounds, line.high)
    back = _points(frame, line.rounds[::-1], line.low[::-1])
    return tag("polygon", points=f"{there} {back}", class_=f"band s{line.slot}")


def _curve(frame: Frame, line: Line) -> str:
    curve = tag("polyline", points=_points(frame, line.rounds, line.mean), class_=f"line s{line.slot}")
    return curve + "".join(_dots(frame, line))


def _dots(frame: Frame, line: Line) -> Iterator[str]:
    """A point with its numbers where the pointer rests; past 60 rounds only the last one is marked."""
    for place, round_ in enumerate(line.rounds):
        last = place == len(line.rounds) - 1
        if last or len(line.rounds) <= 60:
            mean, low, high = (compact(values[place]) for values in (line.mean, line.low, line.high))
            note = tag("title", escape(f"{line.label}, round {round_}: {mean} ({low} to {high})"))
            at = {"cx": frame.x(round_), "cy": frame.y(line.mean[place])}
            yield tag("circle", note, **at, r=3.8 if last else 1.8, class_=f"dot s{line.slot}")


def _names(frame: Frame, lines: Sequence[Line]) -> Iterator[str]:
    ends = sorted(((frame.y(line.mean[-1]), line) for line in lines), key=itemgetter(0))
    heights = _apart([y for y, _ in ends], gap=17, floor=frame.height - frame.bottom)
    for y, (_, line) in zip(heights, ends, strict=True):
        yield text(line.label, frame.width - frame.right + 10, y + 4, class_=f"name s{line.slot}")


def _apart(heights: Sequence[float], gap: float, floor: float) -> list[float]:
    """Sorted heights, moved so that no two are nearer than `gap` and none is below `floor` (larger is lower)."""
    moved: list[float] = []
    for height in heights:
        moved.append(max(height, moved[-1] + gap) if moved else height)
    for place in reversed(range(len(moved))):
        moved[place] = min(moved[place], floor - gap * (len(moved) - 1 - place))
    return moved


def stacks(bars: Sequence[Bar], *, title: str, width: float = 300, height: float = 190) -> str:
    """Stacked bars by round, from zero up."""
    top = max(sum(layer.height for layer in bar.layers) for bar in bars)
    rounds = [bar.round for bar in bars]
    step = min((later - earlier for earlier, later in pairwise(rounds)), default=1)
    frame = Frame(width, height, rounds[0] - 0.6 * step, rounds[-1] + 0.6 * step, 0, (top or 1) * 1.04)
    drawn = [*_grid(frame), *_rounds(frame)]
    for bar in bars:
        drawn += _stack(frame, bar, 0.8 * (frame.x(step) - frame.x(0)))
    return svg("".join(drawn), width, height, title)


def _stack(frame: Frame, bar: Bar, thick: float) -> Iterator[str]:
    bottom = 0.0
    for layer in bar.layers:
        if layer.height:
            top = bottom + layer.height
            note = tag("title", escape(f"round {bar.round}: {layer.name}, {compact(layer.height)}"))
            size = {"width": thick, "height": frame.y(bottom) - frame.y(top)}
            shade = {} if layer.age is None else {"style": f"--age:{100 * layer.age:.0f}%"}
            place = {"x": frame.x(bar.round) - thick / 2, "y": frame.y(top)}
            yield tag("rect", note, **place, **size, **shade, class_=layer.kind)
            bottom = top
