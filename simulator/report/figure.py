"""The figure that stands for the page elsewhere: the curve that matters beside the pictures, in one SVG."""

from pathlib import Path

from simulator.report import page
from simulator.report.charts import curves, tag, text
from simulator.report.groups import Group
from simulator.report.story import Story

_WIDTH, _HEIGHT = 1000, 410
_TOP, _ROWS = 56, 344  # where the rows of pictures begin, and how much room they have
_NAMES, _PICTURES, _COLUMN = 486, 606, 78  # where the regimes' names and their pictures stand


def figure(story: Story) -> str:
    """A stand-alone SVG with its own background and style, legible on light and dark pages."""
    sheets = (Path(__file__).with_name(name).read_text(encoding="utf-8") for name in ("drawing.css", "figure.css"))
    style = tag("style", "".join(sheets))
    paper = tag("rect", width="100%", height="100%", rx=10, class_="paper")
    return tag(
        "svg",
        style + paper + _curve(story) + _regimes(story),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        role="img",
        aria_label=story.headline(),
    )


def _curve(story: Story) -> str:
    lines = [line for group in story.groups if (line := group.line(story.metric.name)) is not None]
    human = page.level(story.groups, story.metric.name)
    drawn = curves(lines, title=story.metric.title, width=450, height=340, level=human)
    title = text(story.metric.title, 24, 30, class_="title") + text(_note(story), 24, 48)
    return title + tag("svg", drawn, x=8, y=58, width=450, height=340)


def _note(story: Story) -> str:
    better = f"{story.metric.better} is better" if story.metric.sign else ""
    return ", ".join(filter(None, (story.metric.unit, better, f"95 % intervals over {page.seeds(story.groups)}")))


def _regimes(story: Story) -> str:
    """A row a regime: its name in the colour of its curve, and its pictures where the items are pictures."""
    gallery = page.gallery(story.groups, story.round, square=3)
    rounds = gallery.rounds if gallery else []
    images = [row for _, row in gallery.rows] if gallery else [[] for _ in story.groups]
    heads = [
        text("human" if round_ == 0 else f"round {round_}", _column(place), 34, class_="tick", text_anchor="middle")
        for place, round_ in enumerate(rounds)
    ]
    tall = _ROWS / len(story.groups)
    rows = [
        _row(group, row, _TOP + place * tall, tall)
        for place, (group, row) in enumerate(zip(story.groups, images, strict=True))
    ]
    return "".join(heads + rows)


def _row(group: Group, images: list[str], top: float, tall: float) -> str:
    size = min(_COLUMN - 8.0, tall - 8)
    drawn = [
        tag("image", href=image, x=_column(place) - size / 2, y=top, width=size, height=size, class_="ink")
        for place, image in enumerate(images)
    ]
    return text(group.label, _NAMES, top + size / 2 + 5, class_=f"name s{group.slot}") + "".join(drawn)


def _column(place: int) -> float:
    """The middle of a column of pictures."""
    return _PICTURES + (place + 0.5) * _COLUMN
