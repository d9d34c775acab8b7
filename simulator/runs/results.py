"""`results.jsonl`: a header line, then a row a round. Reading needs neither torch nor what made them.

    {"format": "firsthand results v1", "config": …, "names": …, "commit": …, "versions": …, "device": …, "data": …, …}
    {"round": 0, "generation": 0, "lower_bound": false, "mix": null, "registry": {…}, "metrics": {name: {"mean": …}}}

Row 0 is the human data itself. A row holds no time, position or id (those go to `events.jsonl`), so the same run writes
the same bytes on the same platform, however often it was stopped.
"""

import json
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
    """What a run wrote, as far as it got."""

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
        return int(self.config["seed"])

    @property
    def regime(self) -> str:
        """The regime as it is typed: `preserve:0.1`."""
        return str(self.header["names"]["regime"])

    @property
    def finished(self) -> bool:
        """Whether every round is there."""
        return len(self.rows) == int(self.config["generations"]) + 1

    @cached_property
    def metrics(self) -> list[str]:
        """Every metric that some round has, in the order in which they first appear."""
        return list(dict.fromkeys(name for row in self.rows for name in row["metrics"]))

    def summary(self, metric: str, round: int) -> ChainSummary | None:
        """Return a metric in a round as mean and spread over chains; None if it was not measured, or is not finite.

        Several providers of one pool are not independent lines, so they do not count as more chains.
        """
        mean = float(self.series(metric)[round])
        if np.isnan(mean):
            return None
        sd = float(self.series(metric, "sd")[round])
        return ChainSummary(mean, sd, int(self.config["chains"]))

    @property
    def _tainted(self) -> npt.NDArray[np.float64]:
        """What the registry answered, once the truth was told, of each round up to then."""
        told: dict[str, float] = next((row["tainted"] for row in self.rows if "tainted" in row), {})
        return np.array([told.get(str(t), np.nan) for t in range(len(self.rows))], dtype=np.float64)

    def series(self, metric: str, statistic: str = "mean") -> npt.NDArray[np.float64]:
        """A metric's `mean`, `sd` or `median` over chains in each round; nan where there is none.

        `tainted` is the share of each round's training items that its recipe admitted no more when the truth was told.
        """
        if metric == "tainted":
            return self._tainted if statistic != "sd" else np.full(len(self.rows), np.nan)
        found = [row["metrics"].get(metric, {}).get(statistic) for row in self.rows]
        return np.array([np.nan if value is None else value for value in found], dtype=np.float64)


def read(folder: Path) -> Results:
    """The results in a run's folder. A last line that was cut off is left out. Raises ValueError."""
    try:
        text = (folder / FILE).read_text()
    except FileNotFoundError:
        raise ValueError(f"{folder} holds no results: {FILE} is missing") from None
    lines = [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]
    if not lines or lines[0].get("format") != FORMAT:
        raise ValueError(f"{folder / FILE} is not in the format {FORMAT!r}")
    return Results(folder, lines[0], lines[1:])


def append(file: Path, entry: Mapping[str, Any], after: int) -> int:
    """Write one line at byte `after`, dropping what an interrupted round left there; answers where it ends."""
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
    """One round's row. `metrics` maps a name to one value a chain, `[C]`, or to one that all chains share, `[1]`.

    There is one mapping a provider. The row's metrics are of all of them; what each is alone stands under `providers`,
    where there are several.
    """
    names = dict.fromkeys(name for one in metrics for name in one)
    joined = {name: np.concatenate([one[name] for one in metrics if name in one]) for name in names}
    each = [{name: summary(values) for name, values in one.items()} for one in metrics]
    return {
        "round": round,
        "generation": generation,
        "lower_bound": lower_bound,
        "mix": None if mix is None else _counts(mix),
        "registry": _counts(registry),
        "metrics": {name: summary(values) for name, values in joined.items()},
        **({"providers": each} if len(each) > 1 else {}),
    }


def summary(values: npt.NDArray[np.float64]) -> dict[str, float | int | None]:
    """Mean, standard deviation (n − 1; null for one chain) and median over chains; null where one is not finite."""
    with np.errstate(invalid="ignore"):  # ∞ − ∞: null says it
        sd = float(np.std(values, ddof=1)) if len(values) > 1 else np.nan
        statistics = {"mean": float(np.mean(values)), "sd": sd, "median": float(np.median(values))}
    return {name: value if np.isfinite(value) else None for name, value in statistics.items()} | {"n": len(values)}


def _counts(counts: OriginCounts) -> dict[str, Any]:
    generations = dict(sorted(counts.generations.items(), key=lambda entry: int(entry[0])))
    return {**counts.model_dump(exclude={"generations"}), "generations": generations}
