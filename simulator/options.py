"""Build an experiment from options on the command line, from a YAML file, or from a Python file."""

import dataclasses
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from firsthand.schemas.explain import explain as in_words
from simulator import names
from simulator.config import Experiment, Run, grid


class Options(BaseModel):
    """The options of `simulate run`, and the fields of its YAML file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    family: str = Field(
        "gaussian", description="the family of models, such as gaussian, gmm:components=10, vae or mine.py:MyFamily"
    )
    data: str = Field(
        "normal",
        description="the human data, such as normal, blobs:blobs=3, digits, pixels, idx:FOLDER or mine.py:MyCorpus",
    )
    regimes: list[str] = Field(
        ["replace"],
        min_length=1,
        description="the regimes, that is, the rules that select the training mix of each round, such as "
        "[replace, preserve:0.1]",
    )
    seeds: int | list[int] = Field(
        1, description="the number of seeds, such as 5, or a list of seeds, such as [3, 7, 11]"
    )
    generations: int = Field(10, ge=1, description="the number of rounds; each round trains one generation of models")
    n: int = Field(
        1000,
        ge=1,
        description="the number of items that each model trains on, and the number of items that it generates",
    )
    chains: int = Field(
        1,
        ge=1,
        description="the number of independent chains of models; in each round, all chains train on the same "
        "selected items",
    )
    human: int | None = Field(
        None, ge=1, description="the number of human items that are registered before round 1; by default n"
    )
    world: str = Field(
        "truthful",
        description="the makers of items, and the claims on the items that are registered, such as "
        "commons:0.1,registered=0.5",
    )

    @field_validator("seeds")
    @classmethod
    def _some_seeds(cls, seeds: int | list[int]) -> int | list[int]:
        if seeds == [] or (isinstance(seeds, int) and seeds < 1):
            raise ValueError(f"{seeds} is not a number of seeds: use 1 or more, or a list of seeds such as [3, 7, 11]")
        return seeds

    def experiment(self, name: str, directory: Path | None = None) -> Experiment:
        """Return an experiment with one run for each pair of a regime and a seed.

        Paths in options are relative to `directory`. Raises ValueError if an option is not valid; the message lists the
        valid values.
        """
        human = self.human or self.n
        corpus = names.parse(self.data, names.CORPORA, directory, n=human)
        vocabulary = {"vocabulary": corpus.vocabulary} if hasattr(corpus, "vocabulary") else {}
        return grid(
            name,
            names.parse(self.family, names.FAMILIES, directory, **vocabulary),
            corpus,
            [names.parse(regime, names.REGIMES, directory) for regime in self.regimes],
            range(self.seeds) if isinstance(self.seeds, int) else self.seeds,
            generations=self.generations,
            n=self.n,
            chains=self.chains,
            human=self.human,
            world=names.parse(self.world, names.WORLDS, directory),
        )


def read(text: str | None, given: Mapping[str, Any]) -> Experiment:
    """Return the experiment that the argument of `simulate run` and its options describe.

    `text` is the argument: a YAML file (`experiment.yaml`), or a name in a Python file (`mine.py:experiment`). `given`
    are the options. If `text` is None, only the options count. With a YAML file, the options replace the values of the
    file. With a Python file, options are not possible. The value of a name in a Python file is an Experiment, a Run, a
    list of runs, or a function that returns one of these. Raises ValueError if the file or an option is not valid, or
    if `given` is not empty with a Python file.
    """
    if text is None:
        chosen = Options.model_validate(given)
        return chosen.experiment(_plain(f"{chosen.data}-{chosen.family}"))
    if text.endswith((".yaml", ".yml")):
        return Options.model_validate({**_yaml(Path(text)), **given}).experiment(Path(text).stem)
    if not text.rpartition(":")[0].endswith(".py"):
        raise ValueError(
            f"{text!r} is not an experiment: write the name of a YAML file, such as experiment.yaml, or of an "
            "experiment in a Python file, such as mine.py:experiment"
        )
    if given:
        raise ValueError(
            f"the Python file of {text} must set all options: leave out --{next(iter(given))}, or set this "
            "value in the file"
        )
    value = names.resolve(text)
    file, _, name = text.rpartition(":")
    with names.naming_errors_of(Path(file)):
        result = value() if callable(value) else value
    return as_experiment(result, name)


def seeds(text: str) -> int | list[int]:
    """Return the number of seeds for a text like `5`, or the list of seeds for a text like `3,7,11` or `3,`.

    Raises ValueError for any other text.
    """
    try:
        return [int(seed) for seed in text.removesuffix(",").split(",")] if "," in text else int(text)
    except ValueError:
        raise ValueError(f"{text!r} is not valid: write a number of seeds (5), or a list of seeds (3,7,11)") from None


def _yaml(path: Path) -> dict[str, Any]:
    try:
        read = yaml.safe_load(path.read_text())
    except OSError as error:
        raise ValueError(
            f"the file {path} cannot be read: {error.strerror}. Check the path and its permissions"
        ) from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ValueError(
            f"the file {path} is not valid YAML{where}: correct it, and write one option per line, such as n: 100"
        ) from None
    if not isinstance(read, dict):
        raise ValueError(f"the file {path} has no options: write at least one of {', '.join(Options.model_fields)}")
    return read


def _plain(text: str) -> str:
    """Return `text` as a name of a folder: letters, digits, `_`, `.` and `-` stay; others are replaced by `-`."""
    return re.sub(r"[^\w.-]+", "-", text)


def as_experiment(value: Any, name: str) -> Experiment:
    """Return the experiment that a value in a user's file describes. `name` becomes the name of the experiment.

    The value must be an Experiment, a Run or a list of runs. Raises ValueError for any other value.
    """
    if isinstance(value, Experiment):
        return value
    runs = (value,) if isinstance(value, Run) else tuple(value) if isinstance(value, list | tuple) else ()
    if not runs or not all(isinstance(run, Run) for run in runs):
        raise ValueError(
            f"{name!r} is of type {type(value).__name__}: make it an Experiment, a Run, a list of runs, or a "
            "function that returns one of these"
        )
    return Experiment(name, runs)


def on_device(experiment: Experiment, device: str) -> Experiment:
    """Return the experiment with its neural networks on `device`, such as `cpu`, `cuda` or `cuda:1`.

    Raises ValueError if `device` is not the name of a device, if it is a CUDA device and the machine has none, or if no
    family of the experiment uses a device. For example, the families `gaussian`, `gmm` and `ngram` always use the CPU.
    """
    import torch  # seconds to import, and other commands do not need it

    try:
        kind = torch.device(device).type
    except RuntimeError:
        raise ValueError(f"{device!r} is not a device: write cpu, cuda or cuda:1") from None
    if kind == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"{device} cannot be used, because this machine has no CUDA device: use --device cpu")
    if not any(hasattr(run.family, "device") for run in experiment.runs):
        raise ValueError(f"no family of {experiment.name} uses a device, so {device} has no effect: leave out --device")
    runs = (
        dataclasses.replace(run, family=dataclasses.replace(run.family, device=device))  # type: ignore[type-var]
        if hasattr(run.family, "device")
        else run
        for run in experiment.runs
    )
    return dataclasses.replace(experiment, runs=tuple(runs))


def explain(error: ValueError) -> str:
    """Return the message of a ValueError for the terminal.

    For a validation error of pydantic, the message has one line per wrong option: its name, its value, and what to
    write instead.
    """
    return in_words(error) if isinstance(error, ValidationError) else str(error)
