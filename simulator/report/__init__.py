"""Write the report page of runs: one HTML file that needs no network and no script.

The function `write` makes the page. Other packages also use the modules `tables` and `numbers`. This package does not
import torch.
"""

import shlex
from collections.abc import Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from simulator.report import page
from simulator.report.figure import figure
from simulator.report.groups import Group, group
from simulator.report.story import Story
from simulator.report.texts import histograms, texts
from simulator.runs.results import read

__all__ = ["write"]

_HERE = Path(__file__).parent


def write(folders: Sequence[Path], out: Path, *, command: str) -> Path:
    """Write the report of these runs as the HTML file `out`, and its figure as an SVG file with the same name.

    `folders` are the folders of the runs. The report shows `command` as the command that repeats the runs. Returns
    `out`. Raises ValueError if a folder has no results, or if a run was stopped before its first model.
    """
    runs = [read(folder) for folder in folders]
    if begun := [str(run.folder) for run in runs if len(run.rows) < 2]:
        raise ValueError(
            f"{len(begun)} of these runs stopped before the first model, so the report cannot include them. Omit them, "
            f"or resume them: firsthand simulate resume {shlex.join(begun)}"
        )
    groups = group(runs)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(_page(groups, command), encoding="utf-8")
    out.with_suffix(".svg").write_text(figure(_story(groups)), encoding="utf-8")
    return out


def _story(groups: Sequence[Group]) -> Story:
    """Return the main result of these groups of runs.

    It is about the first metric for which lower or higher values are better. If there is no such metric, it is about
    the first metric.
    """
    measured = page.metrics(groups)
    return Story(groups, next((metric for metric in measured if metric.sign), measured[0]))


def _page(groups: Sequence[Group], command: str) -> str:
    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    story = _story(groups)
    metrics = page.metrics(groups)
    charts = [chart for metric in metrics if (chart := page.chart(groups, metric)) is not None]
    return environment.get_template("page.html.j2").render(
        style="".join((_HERE / name).read_text(encoding="utf-8") for name in ("drawing.css", "style.css")),
        story=story,
        groups=groups,
        units=page.units(groups),
        paired=any(len(members.runs) > 1 for members in groups),
        cards=page.cards(story),
        primary=next(chart for chart in charts if chart.metric == story.metric),
        charts=[chart for chart in charts if chart.metric != story.metric],
        gallery=page.gallery(groups, story.round),
        texts=texts(groups, page.chosen(story.round, most=3)),
        histograms=histograms(groups, page.chosen(story.round, most=4)),
        tables=[page.table(Story(groups, metric)) for metric in metrics],
        knowledge=[page.knowledge(members, story.round) for members in groups],
        settings=page.settings(groups),
        origins=page.origins(groups),
        command=command,
    )
