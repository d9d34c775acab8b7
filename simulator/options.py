"""What a user writes down, on the command line, in YAML or in Python → an experiment."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from simulator import names
from simulator.config import Experiment, Run, grid


class Options(BaseModel):
    """The options of `simulate run`, and the fields of its YAML file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    family: str = Field("gaussian", description="the kind of model: gaussian, gmm:components=10, vae, mine.py:MyFamily")
    data: str = Field(
        "normal", description="the human data: normal, blobs:blobs=3, digits, pixels, idx:FOLDER, mine.py:MyCorpus"
    )
    regimes: list[str] = Field(["replace"], min_length=1, description="what each round trains on, one or more")
    seeds: int | list[int] = Field(1, description="how many seeds, or which")
    generations: int = Field(10, ge=1, description="rounds to play")
    n: int = Field(1000, ge=1, description="items that a model trains on, and makes unless the world says otherwise")
    chains: int = Field(1, ge=1, description="independent lines in one run")
    human: int | None = Field(None, ge=1, description="human items before round 1; n if none is given")
    world: str = Field(
        "truthful", description="who else makes data, and what is registered: commons:0.1,registered=0.5"
    )

    @field_validator("seeds")
    @classmethod
    def _some_seeds(cls, seeds: int | list[int]) -> int | list[int]:
        if seeds == [] or (isinstance(seeds, int) and seeds < 1):
            raise ValueError(f"{seeds} would play nothing; say how many seeds, at least 1, or list them")
        return seeds

    def experiment(self, name: str, directory: Path | None = None) -> Experiment:
        """Every regime under every seed. Raises ValueError saying what can be written instead."""
        human = self.human or self.n
        corpus = names.parse(self.data, names.CORPORA, directory, n=human)
        told = {"vocabulary": corpus.vocabulary} if hasattr(corpus, "vocabulary") else {}
        return grid(
            name,
            names.parse(self.family, names.FAMILIES, directory, **told),
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
    """`experiment.yaml`, `mine.py:experiment`, or the options alone; what was `given` by name comes before the YAML's.

    A name in a user's file is an Experiment, a Run, a list of runs, or a function returning one. Raises ValueError.
    """
    if text is None:
        chosen = Options.model_validate(given)
        return chosen.experiment(_plain(f"{chosen.data}-{chosen.family}"))
    if text.endswith((".yaml", ".yml")):
        return Options.model_validate({**_yaml(Path(text)), **given}).experiment(Path(text).stem)
    if not text.rpartition(":")[0].endswith(".py"):
        raise ValueError(f"{text!r} is neither a YAML file nor mine.py:experiment")
    if given:
        raise ValueError(f"{text} says everything itself: leave out --{next(iter(given))}, or change the file")
    found = names.resolve(text)
    file, _, name = text.rpartition(":")
    with names.told_of(Path(file)):
        made = found() if callable(found) else found
    return as_experiment(made, name)


def seeds(text: str) -> int | list[int]:
    """`5` is how many seeds, `3,7,11` which, and so is `3,`. Raises ValueError."""
    try:
        return [int(seed) for seed in text.removesuffix(",").split(",")] if "," in text else int(text)
    except ValueError:
        raise ValueError(f"{text!r} are no seeds; say how many (5), or which (3,7,11)") from None


def _yaml(path: Path) -> dict[str, Any]:
    try:
        read = yaml.safe_load(path.read_text())
    except OSError as error:
        raise ValueError(f"{path} cannot be read: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is not YAML: {error}") from None
    if not isinstance(read, dict):
        raise ValueError(f"{path} holds no options; it can have {', '.join(Options.model_fields)}")
    return read


def _plain(text: str) -> str:
    """A text as the name of a folder."""
    return re.sub(r"[^\w.-]+", "-", text)


def as_experiment(found: Any, name: str) -> Experiment:
    """An experiment of whatever a user's file calls one. Raises ValueError."""
    if isinstance(found, Experiment):
        return found
    runs = (found,) if isinstance(found, Run) else tuple(found) if isinstance(found, list | tuple) else ()
    if not runs or not all(isinstance(run, Run) for run in runs):
        raise ValueError(f"{name!r} is a {type(found).__name__}; it must be an Experiment, a Run, or a list of runs")
    return Experiment(name, runs)


def explain(error: ValueError) -> str:
    """A ValueError in words for the terminal; pydantic's name the field and say what is wrong with it."""
    if not isinstance(error, ValidationError):
        return str(error)
    each = [(".".join(map(str, found["loc"])), found["msg"].removeprefix("Value error, ")) for found in error.errors()]
    return "; ".join(f"{where}: {what}" if where else what for where, what in each)
