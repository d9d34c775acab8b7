"""The configuration of a run: everything on which its results depend. A hash of it is the id of the run."""

import dataclasses
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rfc8785

from simulator import names
from simulator.families.base import ADDED
from simulator.ranges import check_least
from simulator.regimes import Regime
from simulator.worlds.base import TRUTHFUL, World

if TYPE_CHECKING:  # corpora and families import scikit-learn and torch, which a configuration does not need
    from simulator.data.corpora import Corpus
    from simulator.families.base import Family


@dataclass(frozen=True)
class Run:
    """The configuration of a run: in each round, a model trains on a mix that the registry selects.

    A mix has human data and output of earlier models.
    """

    family: "Family"
    """the kind of model that each round fits"""
    corpus: "Corpus"
    """the source of the human data"""
    regime: Regime
    """the rule for each round's training mix"""
    n: int
    """number of items that a model trains on; also the number of items that it generates, unless the world sets
    another number"""
    generations: int
    """number of rounds"""
    chains: int = 1
    """number of independent chains of models. All chains train on the same selected items; an item has one value per
    chain"""
    human: int | None = None
    """number of human items that are registered before round 1; None for n"""
    world: World = field(default=TRUTHFUL, metadata=ADDED)
    """the makers of items, and the statements that are registered about the items"""
    seed: int = 0
    """seed of all random numbers; regimes with the same seed start from the same human items"""

    def __post_init__(self) -> None:
        check_least(1, n=self.n, generations=self.generations, chains=self.chains, human=self.humans)
        check_least(0, seed=self.seed)

    @property
    def humans(self) -> int:
        """The number of human items that are registered before round 1."""
        return self.n if self.human is None else self.human

    @property
    def id(self) -> str:
        """The id of the run: 16 hexadecimal digits.

        They are the first digits of the SHA-256 hash of the configuration as canonical JSON (RFC 8785).
        """
        return hashlib.sha256(rfc8785.dumps(encode(self))).hexdigest()[:16]

    @property
    def name(self) -> str:
        """The name of the run's folder: the regime, the world, the seed, and the first 8 digits of the run's id.

        The world is omitted if it is `truthful`. Every character of regime and world that is not a letter, a digit, `.`
        or `-` is replaced by `-`. Regime and world together are cut after 80 characters.
        """
        labels = [names.label(self.regime), *([] if self.world == TRUTHFUL else [names.label(self.world)])]
        plain = "".join(c if c.isalnum() or c in ".-" else "-" for c in "-".join(labels))
        return f"{plain[:80]}-seed-{self.seed}-{self.id[:8]}"


@dataclass(frozen=True)
class Experiment:
    """Runs that are compared with each other, usually several regimes with several seeds."""

    name: str
    runs: tuple[Run, ...]

    def __post_init__(self) -> None:
        ids = [run.id for run in self.runs]
        if len(set(ids)) < len(ids):
            repeated = next(run for run in self.runs if ids.count(run.id) > 1)
            raise ValueError(
                f"the experiment {self.name!r} has the same run twice: {repeated.name}. Remove one of the two, or give "
                "it another seed"
            )


def grid(
    name: str, family: "Family", corpus: "Corpus", regimes: Sequence[Regime], seeds: Iterable[int], **settings: Any
) -> Experiment:
    """Return an experiment with one run for each pair of a regime and a seed.

    `settings` are values of other fields of `Run`, such as n=100.
    """
    runs = (Run(family, corpus, regime, seed=seed, **settings) for seed in seeds for regime in regimes)
    return Experiment(name, tuple(runs))


def encode(value: Any) -> Any:
    """Return the configuration of a run, or a part of it, as values that JSON can represent.

    A dataclass becomes an object with its fields and `type`, the short name of its class. For a class from a user's own
    file, `type` is `path/mine.py:Name` and `file_sha256` is the digest of that file. Raises ValueError for a value that
    is not a number, a text, a list of these, or a frozen dataclass.
    """
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        settings = {field.name: encode(getattr(value, field.name)) for field in _fields(value)}
        return settings if isinstance(value, Run) else _type(type(value)) | settings
    if isinstance(value, tuple | list):
        return [encode(entry) for entry in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise ValueError(f"{value!r} cannot be a setting: use a number, a text, a list of these, or a frozen dataclass")


def _type(kind: type) -> dict[str, str]:
    """Return the entries of a configuration that name a class: `type`, and `file_sha256` for a user's own file."""
    file = names.user_file(kind)
    return {"type": names.reference(kind)} | ({"file_sha256": file.sha256} if file else {})


def _fields(value: Any) -> list[dataclasses.Field[Any]]:
    """Return the fields of a dataclass that belong in a configuration.

    A field that was added in a later version is omitted if it has its default value, so the ids of earlier runs do not
    change.
    """
    fields = dataclasses.fields(value)
    return [f for f in fields if f.metadata != ADDED or getattr(value, f.name) != f.default]


def decode(config: dict[str, Any], directory: Path | None = None) -> Run:
    """Return the run with this configuration, which `encode` returned earlier.

    Paths of a user's own files are relative to `directory`. Raises ValueError if `config` is not the configuration of a
    run, if it names classes by import path (as earlier versions did), or if a user's file has changed since the
    configuration was written.
    """
    try:
        return Run(**{name: _decode(value, directory) for name, value in config.items()})
    except (TypeError, KeyError) as error:
        raise ValueError(
            f"this is not the configuration of a run: {error}. Copy the value of `config` from a run.json that "
            "the simulator wrote"
        ) from None


def _decode(value: Any, directory: Path | None) -> Any:
    if isinstance(value, list):
        return tuple(_decode(entry, directory) for entry in value)
    if not isinstance(value, dict):
        return value
    settings = {name: _decode(entry, directory) for name, entry in value.items() if name not in ("type", "file_sha256")}
    return names.build(_class(value["type"], value.get("file_sha256"), directory), settings)


def _class(name: str, sha256: str | None, directory: Path | None) -> type:
    """Return the class that a configuration names. Raises ValueError as `decode` does."""
    if name.startswith("simulator."):
        raise ValueError(
            f"the run names the class {name} by its import path, as earlier versions of Firsthand did. It cannot be "
            "resumed: start it again in a new folder"
        )
    kind: type = names.resolve(name, directory)
    file = names.user_file(kind)
    if file and file.sha256 != sha256:
        raise ValueError(
            f"{file.path} has changed since this run was started (SHA-256 {str(sha256)[:12]} then, "
            f"{file.sha256[:12]} now). Restore the file, or start the run again in a new folder"
        )
    return kind


def sources(config: Any) -> dict[str, str]:
    """Return the user's own files that a configuration names: a mapping from the path to the SHA-256 of the file."""
    if isinstance(config, list):
        config = dict(enumerate(config))
    if not isinstance(config, dict):
        return {}
    files = {path: sha256 for entry in config.values() for path, sha256 in sources(entry).items()}
    if "file_sha256" in config:
        files[config["type"].rpartition(":")[0]] = config["file_sha256"]
    return files
