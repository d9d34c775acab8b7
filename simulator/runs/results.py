"""The file `results.jsonl` of a run: a header line, then one line (row) of results per round.

A program can read it without torch, and without the classes of the run.

    {"format": "firsthand results v1", "config": …, "names": …, "commit": …, "versions": …, "device": …, "data": …, …}
    {"round": 0, "generation": 0, "lower_bound": false, "mix": null, "registry": {…}, "metrics": {name: {"mean": …}}}

Row 0 is the human data. A row has no times, positions or ids, which are in `events.jsonl`. So the same run writes the
same bytes on the same platform, even if it is stopped and resumed.
"""

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from firsthand.schemas.models import OriginCounts
from simulator.metrics.intervals import ChainSummary

FORMAT = "firsthand results v1"
FILE = "results.jsonl"


@dataclass(frozen=True)
class Results:
    """The results of a run: the header, and one row for each round from 0 to the last saved round."""

    folder: Path
    header: dict[str, Any]
    rows: list[dict[str, Any]]

    @property
    def config(self) -> dict[str, Any]:
        """The run's configuration (`simulator.config.encode`)."""
        config: dict[str, Any] = self.header["config"]
        return config

    @property
    def seed(self) -> int:
        """The seed of the run."""
        return int(self.config["seed"])

    @property
    def regime(self) -> str:
        """The regime with its settings, as text: `preserve:0.1`."""
        return str(self.header["names"]["regime"])

    @property
    def finished(self) -> bool:
        """Whether all rounds of the run are saved."""
        return len(self.rows) == int(self.config["generations"]) + 1

    @cached_property
    def metrics(self) -> list[str]:
        """The names of all metrics of the run, in the order of their first occurrence in the rounds."""
        return list(dict.fromkeys(name for row in self.rows for name in row["metrics"]))

    def series(self, metric: str, statistic: str = "mean") -> npt.NDArray[np.float64]:
        """Return a statistic of a metric over the chains for each saved round, beginning with round 0.

        `statistic` is `mean`, `sd` (standard deviation) or `median`. The value is nan in a round that does not have the
        metric. The metric `tainted` is the share of a round's training items that its recipe no longer selected after
        the missing claims were registered.
        """
        return np.array([self.statistic(metric, round, statistic) for round in range(len(self.rows))], np.float64)

    def summary(self, metric: str, round: int) -> ChainSummary | None:
        """Return the mean and the standard deviation of a metric over the chains in one round.

        Return None if the run has not reached this round, or if the mean in this round is not a number. Providers that
        share a pool are not independent, so they do not count as chains.
        """
        if round >= len(self.rows) or math.isnan(mean := self.statistic(metric, round, "mean")):
            return None
        return ChainSummary(mean, self.statistic(metric, round, "sd"), int(self.config["chains"]))

    def statistic(self, metric: str, round: int, statistic: str) -> float:
        """Return a statistic of a metric over the chains in one round: `mean`, `sd` or `median`.

        It is nan if the round does not have it.
        """
        if metric == "tainted":
            value = None if statistic == "sd" else self._tainted.get(str(round))
        else:
            value = self.rows[round]["metrics"].get(metric, {}).get(statistic)
        return math.nan if value is None else float(value)

    @cached_property
    def _tainted(self) -> dict[str, float]:
        """The share of tainted items by round, from the row of the round at whose end the missing claims arrived."""
        return next((row["tainted"] for row in self.rows if "tainted" in row), {})


def read(folder: Path) -> Results:
    """Return the results in the folder of a run. An incomplete last line is ignored.

    Raises ValueError if the folder has no results, or if they are damaged or have another format.
    """
    try:
        text = (folder / FILE).read_text()
    except FileNotFoundError:
        raise ValueError(
            f"{folder} has no results: the file {FILE} is missing. Give the folder of a run that has begun, or begin "
            f"this run: firsthand simulate resume {folder}"
        ) from None
    try:
        lines = [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
    except json.JSONDecodeError as error:
        raise ValueError(
            f"{folder / FILE} is damaged: a line is not valid JSON ({error}). Restore the file from a copy, or start "
            "the run again in a new folder"
        ) from None
    if not lines or lines[0].get("format") != FORMAT:
        raise ValueError(
            f"{folder / FILE} does not have the format {FORMAT!r}, so another version of Firsthand wrote it. Start the "
            "run again in a new folder"
        )
    return Results(folder, lines[0], lines[1:])


def append(file: Path, entry: Mapping[str, Any], after: int) -> int:
    """Write `entry` as one line of JSON into a file, at the byte number `after`.

    Return the number of the byte after the line. The earlier content of the file from the byte `after` on is removed,
    because an interrupted round wrote it. If `after` is 0, the file is created or replaced.
    """
    line = json.dumps(entry, ensure_ascii=False, allow_nan=False).encode() + b"\n"
    with file.open("r+b" if after else "wb") as out:
        out.truncate(after)
        out.seek(after)
        out.write(line)
        out.flush()
        os.fsync(out.fileno())
    return after + len(line)


def row(
    round: int,
    generation: int,
    lower_bound: bool,
    mix: OriginCounts | None,
    registry: OriginCounts,
    metrics: Sequence[Mapping[str, npt.NDArray[np.float64]]],
) -> dict[str, Any]:
    """Return the results of one round as a row of the file.

    `metrics` has one mapping per provider. It maps the name of a metric to its values: one per chain `[C]`, or one that
    all chains share `[1]`. The `metrics` of the row summarize the values of all providers together. If there are
    several providers, the row also has `providers`, with one summary per provider.
    """
    names = dict.fromkeys(name for measured in metrics for name in measured)
    joined = {name: np.concatenate([measured[name] for measured in metrics if name in measured]) for name in names}
    by_provider = [{name: summarize(values) for name, values in measured.items()} for measured in metrics]
    return {
        "round": round,
        "generation": generation,
        "lower_bound": lower_bound,
        "mix": None if mix is None else _counts(mix),
        "registry": _counts(registry),
        "metrics": {name: summarize(values) for name, values in joined.items()},
        **({"providers": by_provider} if len(by_provider) > 1 else {}),
    }


def summarize(values: npt.NDArray[np.float64]) -> dict[str, float | int | None]:
    """Return the mean, the standard deviation (divisor n − 1) and the median of values, and n, their number.

    A statistic is None if it is not finite. The standard deviation of a single value is None.
    """
    with np.errstate(invalid="ignore"):  # ∞ − ∞ is nan, which becomes null
        sd = float(np.std(values, ddof=1)) if len(values) > 1 else np.nan
        statistics = {"mean": float(np.mean(values)), "sd": sd, "median": float(np.median(values))}
    return {name: value if np.isfinite(value) else None for name, value in statistics.items()} | {"n": len(values)}


def _counts(counts: OriginCounts) -> dict[str, Any]:
    generations = dict(sorted(counts.generations.items(), key=lambda entry: int(entry[0])))
    return {**counts.model_dump(exclude={"generations"}), "generations": generations}
