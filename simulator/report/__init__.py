"""Report pages: run folders → one HTML file that needs no network, no script and no torch to be read.

`write` is all that others use.
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
    """Write the report of these runs to `out`, and the figure that goes with it beside it, as `.svg`.

    `command` is what a reader types to run it again. Raises ValueError where a folder holds no results, or those of the
    human data alone.
    """
    played = [read(folder) for folder in folders]
    if begun := [str(run.folder) for run in played if len(run.rows) < 2]:
        raise ValueError(
            "there is nothing to report yet of runs that were stopped before their first model; leave them out, or go "
            f"on with: firsthand simulate resume {shlex.join(begun)}"
        )
    groups = group(played)
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(_page(groups, command), encoding="utf-8")
    out.with_suffix(".svg").write_text(figure(_story(groups)), encoding="utf-8")
    return out


def _story(groups: Sequence[Group]) -> Story:
    """The results through the first metric that has a better side."""
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
        seeds=page.seeds(groups),
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
