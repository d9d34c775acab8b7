"""The figure of a report, as one SVG file: the curves of the main metric, and pictures of items."""

from pathlib import Path

from simulator.report import page
from simulator.report.charts import curves, tag, text
from simulator.report.story import Story

_WIDTH, _HEIGHT = 1000, 410
#: The vertical position of the first row of pictures, and the height of all rows together, in units of the viewBox.
_TOP, _ROWS = 56, 344
#: The horizontal positions of names and of pictures, and the width of a column of pictures.
_NAMES, _PICTURES, _COLUMN = 486, 606, 78


def figure(story: Story) -> str:
    """Return the figure of a report as a stand-alone SVG, for light and dark pages.

    It contains its background and its style sheet.
    """
    sheets = (Path(__file__).with_name(name).read_text(encoding="utf-8") for name in ("drawing.css", "figure.css"))
    style = tag("style", "".join(sheets))
    paper = tag("rect", width="100%", height="100%", rx=10, class_="paper")
    return tag(
        "svg",
        style + paper + _curves(story) + _pictures(story),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {_WIDTH} {_HEIGHT}",
        role="img",
        aria_label=story.headline(),
    )


def _curves(story: Story) -> str:
    metric = story.metric
    lines = [line for group in story.groups if (line := group.curve(metric.name)) is not None]
    level = page.level(story.groups, metric.name)
    drawn = curves(lines, title=metric.title, width=450, height=340, level=level)
    better = f"{metric.better} is better" if metric.sign else ""
    note = ", ".join(filter(None, (metric.unit, better, f"95 % intervals over {page.units(story.groups)}")))
    title = text(metric.title, 24, 30, class_="title") + text(note, 24, 48)
    return title + tag("svg", drawn, x=8, y=58, width=450, height=340)


def _pictures(story: Story) -> str:
    """Return one row per regime: its name in the colour of its curve and, if the items are pictures, the pictures."""
    gallery = page.gallery(story.groups, story.round, square=3)
    rounds = gallery.rounds if gallery else []
    images = [row for _, row in gallery.rows] if gallery else [[] for _ in story.groups]
    middles = [_PICTURES + (column + 0.5) * _COLUMN for column in range(len(rounds))]
    drawn = [
        text("human" if round_ == 0 else f"round {round_}", x, 34, class_="tick", text_anchor="middle")
        for round_, x in zip(rounds, middles, strict=True)
    ]
    height = _ROWS / len(story.groups)
    size = min(_COLUMN - 8.0, height - 8)
    for number, (group, row) in enumerate(zip(story.groups, images, strict=True)):
        top = _TOP + number * height
        drawn.append(text(group.label, _NAMES, top + size / 2 + 5, class_=f"name s{group.slot}"))
        for image, x in zip(row, middles, strict=True):
            drawn.append(tag("image", href=image, x=x - size / 2, y=top, width=size, height=size, class_="ink"))
    return "".join(drawn)
