"""Charts as SVG, without scripts and fonts, for light and dark pages.

Colours are CSS variables (`--s0` …, `--ink`, `--quiet`, `--grid`). The style sheet of the page sets them; a stand-alone
figure contains a style sheet of its own.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from operator import itemgetter

from simulator.report.numbers import compact, ticks


@dataclass(frozen=True)
class RegimeCurve:
    """The curve of one regime in a chart, with the band of its 95 % intervals.

    `mean`, `low` and `high` have one value per round of `rounds`.
    """

    label: str
    slot: int
    """number of the colour of the curve; the CSS variables of the colours are `--s0`, `--s1`, …"""
    rounds: Sequence[int]
    mean: Sequence[float]
    low: Sequence[float]
    high: Sequence[float]


@dataclass(frozen=True)
class BarSegment:
    """One coloured segment of a stacked bar, with its height."""

    kind: str
    """CSS class that sets the colour of the segment"""
    name: str
    height: float
    age: float | None = None
    """shade of the colour, from 0 (youngest generation) to 1 (oldest generation); None: no shade"""


@dataclass(frozen=True)
class StackedBar:
    """A stacked bar for one round. Its segments are listed from bottom to top."""

    round: int
    segments: Sequence[BarSegment]


@dataclass(frozen=True)
class Frame:
    """The area of a chart in an SVG, and the conversion of data values to positions in it.

    Data values are from `x0` to `x1` and from `y0` to `y1`. Positions are in the units of the SVG viewBox. If `log` is
    true, the vertical axis is logarithmic.
    """

    width: float
    height: float
    x0: float
    x1: float
    y0: float
    y1: float
    right_margin: float = 14
    left_margin: float = 44
    top_margin: float = 12
    bottom_margin: float = 36
    log: bool = False

    def x(self, value: float) -> float:
        """Return the horizontal position of a value in the chart, in units of the SVG viewBox."""
        return self.left_margin + (self.width - self.left_margin - self.right_margin) * (value - self.x0) / (
            (self.x1 - self.x0) or 1
        )

    def y(self, value: float) -> float:
        """Return the vertical position of a value in the chart, in units of the SVG viewBox."""
        low, high, at = (math.log10(max(v, self.y0)) if self.log else v for v in (self.y0, self.y1, value))
        return (
            self.height
            - self.bottom_margin
            - (self.height - self.top_margin - self.bottom_margin) * (at - low) / ((high - low) or 1)
        )


def tag(name: str, content: str = "", **attributes: object) -> str:
    """Return an SVG element as text. `content` is its inner SVG, which is inserted without change.

    In the name of an attribute, `_` becomes `-` (`stroke_width`), and a `_` at the end is removed (`class_`).
    """
    written = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(_value(value))}"' for key, value in attributes.items()
    )
    return f"<{name}{written}>{content}</{name}>" if content else f"<{name}{written}/>"


def _value(value: object) -> str:
    return f"{value:.1f}" if isinstance(value, float) else str(value)


def text(content: str, x: float, y: float, **attributes: object) -> str:
    """Return an SVG text element at the point (x, y), in units of the viewBox. `content` is escaped."""
    return tag("text", escape(content), x=x, y=y, **attributes)


def svg(content: str, width: float, height: float, label: str) -> str:
    """Return a complete SVG chart from its inner SVG, `content`.

    `label` describes the chart for readers who cannot see it.
    """
    return tag("svg", content, viewBox=f"0 0 {width:g} {height:g}", role="img", aria_label=label, class_="chart")


def curves(
    lines: Sequence[RegimeCurve], *, title: str, width: float = 360, height: float = 230, level: float | None = None
) -> str:
    """Return a chart with one curve and one band per regime, by round.

    If `level` is given, a dashed line shows it; it is the value of human data. If the chart is wider than 500 units,
    each curve has its name at its end. Otherwise, the page needs a legend.
    """
    named = width > 500
    frame = _frame(lines, level, width, height, right=148 if named else 14)
    drawn = [*_grid(frame), *_round_axis(frame)]
    if level is not None:
        y = frame.y(level)
        drawn.append(tag("line", x1=frame.left_margin, x2=frame.width - frame.right_margin, y1=y, y2=y, class_="level"))
    for line in lines:
        upper = _points(frame, line.rounds, line.high)
        lower = _points(frame, line.rounds[::-1], line.low[::-1])
        drawn.append(tag("polygon", points=f"{upper} {lower}", class_=f"band s{line.slot}"))
    for line in lines:
        drawn.append(tag("polyline", points=_points(frame, line.rounds, line.mean), class_=f"line s{line.slot}"))
        drawn += _dots(frame, line)
    if named:
        drawn += _labels(frame, lines)
    return svg("".join(drawn), width, height, title)


def _frame(lines: Sequence[RegimeCurve], level: float | None, width: float, height: float, right: float) -> Frame:
    """Return the area for all curves and bands.

    The vertical scale is logarithmic if all means are positive and the largest is over 50 times the smallest.
    """
    means = [v for line in lines for v in line.mean] + ([] if level is None else [level])
    values = means + [v for line in lines for v in (*line.low, *line.high)]
    rounds = [r for line in lines for r in line.rounds]
    log = min(means) > 0 and max(means) > 50 * min(means)
    # On a logarithmic scale, an interval that includes 0 has no lower end: cut it at a third of the lowest mean.
    low, high = _linear(min(values), max(values)) if not log else (max(min(values), min(means) / 3), max(values))
    return Frame(width, height, min(rounds), max(rounds), low, high, right_margin=right, log=log)


def _linear(low: float, high: float) -> tuple[float, float]:
    """Return both ends of a linear axis, with a margin. The lower end is not negative if no value is."""
    margin = 0.05 * (high - low) or 0.4 * abs(high) or 1.0
    return 0.0 if low >= 0 > low - margin else low - margin, high + margin


def _grid(frame: Frame) -> Iterator[str]:
    for value in ticks(frame.y0, frame.y1, log=frame.log):
        y = frame.y(value)
        yield tag("line", x1=frame.left_margin, x2=frame.width - frame.right_margin, y1=y, y2=y, class_="grid")
        yield text(compact(value), frame.left_margin - 7, y + 4, class_="tick", text_anchor="end")


def _round_axis(frame: Frame) -> Iterator[str]:
    y = frame.height - frame.bottom_margin + 17
    for value in ticks(frame.x0, frame.x1, count=6, whole=True):
        yield text(compact(value), frame.x(value), y, class_="tick", text_anchor="middle")
    middle = (frame.left_margin + frame.width - frame.right_margin) / 2
    yield text("round", middle, frame.height - 4, class_="axis", text_anchor="middle")


def _points(frame: Frame, rounds: Sequence[int], values: Sequence[float]) -> str:
    return " ".join(f"{frame.x(r):.1f},{frame.y(v):.1f}" for r, v in zip(rounds, values, strict=True))


def _dots(frame: Frame, line: RegimeCurve) -> Iterator[str]:
    """Yield one point per round, with its values as a tooltip.

    If there are over 60 rounds, yield only the last point.
    """
    for index, round_ in enumerate(line.rounds):
        last = index == len(line.rounds) - 1
        if last or len(line.rounds) <= 60:
            mean, low, high = (compact(values[index]) for values in (line.mean, line.low, line.high))
            note = tag("title", escape(f"{line.label}, round {round_}: {mean} ({low} to {high})"))
            at = {"cx": frame.x(round_), "cy": frame.y(line.mean[index])}
            yield tag("circle", note, **at, r=3.8 if last else 1.8, class_=f"dot s{line.slot}")


def _labels(frame: Frame, lines: Sequence[RegimeCurve]) -> Iterator[str]:
    """Yield the name of each curve at its end. Names are moved up or down, so that they do not overlap."""
    gap, floor = 17, frame.height - frame.bottom_margin
    ends = sorted(((frame.y(line.mean[-1]), line) for line in lines), key=itemgetter(0))
    heights: list[float] = []
    for y, _ in ends:
        heights.append(max(y, heights[-1] + gap) if heights else y)
    for index in reversed(range(len(heights))):
        heights[index] = min(heights[index], floor - gap * (len(heights) - 1 - index))
    for y, (_, line) in zip(heights, ends, strict=True):
        yield text(line.label, frame.width - frame.right_margin + 10, y + 4, class_=f"name s{line.slot}")


def stacks(bars: Sequence[StackedBar], *, title: str, width: float = 300, height: float = 190) -> str:
    """Return a chart of stacked bars, one bar per round. The vertical axis starts at 0."""
    top = max(sum(segment.height for segment in bar.segments) for bar in bars)
    rounds = [bar.round for bar in bars]
    step = min((later - earlier for earlier, later in pairwise(rounds)), default=1)
    frame = Frame(width, height, rounds[0] - 0.6 * step, rounds[-1] + 0.6 * step, 0, (top or 1) * 1.04)
    drawn = [*_grid(frame), *_round_axis(frame)]
    for bar in bars:
        drawn += _stack(frame, bar, 0.8 * (frame.x(step) - frame.x(0)))
    return svg("".join(drawn), width, height, title)


def _stack(frame: Frame, bar: StackedBar, thick: float) -> Iterator[str]:
    bottom = 0.0
    for segment in bar.segments:
        if segment.height:
            top = bottom + segment.height
            note = tag("title", escape(f"round {bar.round}: {segment.name}, {compact(segment.height)}"))
            size = {"width": thick, "height": frame.y(bottom) - frame.y(top)}
            shade = {} if segment.age is None else {"style": f"--age:{100 * segment.age:.0f}%"}
            corner = {"x": frame.x(bar.round) - thick / 2, "y": frame.y(top)}
            yield tag("rect", note, **corner, **size, **shade, class_=segment.kind)
            bottom = top
