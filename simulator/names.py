"""The table of short names, and functions that convert a name to its class and back.

The configuration of a run has short names (`gmm`, `preserve`) instead of import paths of this package. So if a class of
this package moves to another module, the ids and the random numbers of runs stay the same. The name of a class in a
user's own file is `path/mine.py:Name`. Settings follow a name: `preserve:0.1`, `gmm:components=5,restarts=2`,
`mine.py:MyFamily:scale=2`. In this module, a reference is a short name, `package.module:Name` or `path/mine.py:Name`.
"""

import dataclasses
import hashlib
import importlib
import importlib.util
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import yaml
from pydantic import TypeAdapter

FAMILIES = {
    "gaussian": "simulator.families.gaussian:Gaussian",
    "verified": "simulator.families.verified:Verified",
    "gmm": "simulator.families.gmm:GMM",
    "vae": "simulator.families.vae:VAE",
    "ngram": "simulator.families.ngram:NGram",
    "transformer": "simulator.families.transformer:Transformer",
    "hf": "simulator.families.hf:HuggingFace",
    "opt-125m": "simulator.families.hf:Opt125m",
    "regression": "simulator.families.regression:Regression",
}
CORPORA = {
    "normal": "simulator.data.corpora:Normal",
    "linear": "simulator.data.linear:Linear",
    "blobs": "simulator.data.corpora:Blobs",
    "digits": "simulator.data.corpora:Digits",
    "pixels": "simulator.data.images:Pixels",
    "idx": "simulator.data.images:Idx",
    "text": "simulator.data.texts:Text",
    "zipf": "simulator.data.zipf:Zipf",
}
REGIMES = {
    "replace": "simulator.regimes:Replace",
    "accumulate": "simulator.regimes:Accumulate",
    "accumulate-subsample": "simulator.regimes:AccumulateSubsample",
    "preserve": "simulator.regimes:Preserve",
    "fresh": "simulator.regimes:Fresh",
    "human-only": "simulator.regimes:HumanOnly",
    "human-part": "simulator.regimes:HumanPart",
    "augment": "simulator.regimes:Augment",
    "cap": "simulator.regimes:Cap",
    "decay": "simulator.regimes:Decay",
    "golden": "simulator.regimes:Golden",
    "crawl": "simulator.regimes:Crawl",
    "entrant": "simulator.regimes:Entrant",
    "archive": "simulator.regimes:Archive",
}

WORLDS = {
    "truthful": "simulator.worlds.base:Truthful",
    "commons": "simulator.worlds.commons:Commons",
}

#: All short names, with the import path and name of the class. No class has two names.
NAMES = FAMILIES | CORPORA | REGIMES | WORLDS

_REFERENCE = re.compile(r"^(?P<name>[^:]+\.py:\w+|[\w.]+\.[\w.]+:\w+|[^:]+)(:(?P<settings>.*))?$", re.DOTALL)


class UserFile(NamedTuple):
    """A user's own Python file that was loaded as a module."""

    path: str
    """path of the file, as written in the reference"""
    sha256: str
    """SHA-256 of the loaded bytes, in hexadecimal digits"""


# The user's own files that are loaded, by the name of the module.
_files: dict[str, UserFile] = {}


def resolve(reference: str, directory: Path | None = None) -> Any:
    """Return the class or other object that a reference names.

    A reference is a short name, `package.module:Name` or `path/mine.py:Name`. A path is relative to `directory`, by
    default the current directory. Raises ValueError if the name, the module, the file or the attribute does not exist.
    """
    where, _, name = NAMES.get(reference, reference).rpartition(":")
    if not where:
        raise ValueError(
            f"{reference!r} is not a known name: write a name that `firsthand simulate list` prints, "
            "package.module:Name or path/mine.py:Name"
        )
    module = load_file(where, directory) if where.endswith(".py") else _import(where)
    try:
        return getattr(module, name)
    except AttributeError:
        raise ValueError(f"{where} does not define {name!r}: check the spelling of the name after the colon") from None


def summary(reference: str) -> str:
    """Return the first line of the docstring of the class that a reference names; empty without a docstring."""
    return (resolve(reference).__doc__ or "").strip().partition("\n")[0]


def load_file(path: str, directory: Path | None = None) -> ModuleType:
    """Load a user's own Python file as a module, and return the module. A process loads each file only once.

    `path` is relative to `directory`, by default the current directory. The folder of the file is added to `sys.path`,
    so that the file can import other files of its folder. Raises ValueError if the file does not exist, if it has
    changed since it was loaded, or if loading raises an error.
    """
    file = ((directory or Path.cwd()) / path).resolve()
    name = f"{file.stem}@{file.parent}"
    if name in sys.modules:
        if file.is_file() and hashlib.sha256(file.read_bytes()).hexdigest() != _files[name].sha256:
            raise ValueError(f"{file} has changed since this process loaded it: run the command again")
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, file)
    if not file.is_file() or spec is None or spec.loader is None:
        raise ValueError(f"there is no file {file}: check the path, which is relative to {directory or Path.cwd()}")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # a dataclass looks up its module while the module is being loaded
    _files[name] = UserFile(Path(path).as_posix(), hashlib.sha256(file.read_bytes()).hexdigest())
    if str(file.parent) not in sys.path:
        sys.path.append(str(file.parent))
    try:
        with naming_errors_of(file):
            spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


@contextmanager
def naming_errors_of(file: Path) -> Iterator[None]:
    """Replace each exception that a user's own file raises by a ValueError with the file's path and the line."""
    try:
        yield
    except Exception as error:
        lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(file.resolve())]
        where = f", line {lines[-1]}" if lines else ""
        raise ValueError(f"{file}{where}: {type(error).__name__}: {error}. Correct the file, then try again") from error


def _import(module: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        raise ValueError(
            f"the module {module} cannot be imported: {error}; check the name, and that the package is installed"
        ) from None


def user_file(kind: type) -> UserFile | None:
    """Return the user's own file that defines a class; None if the class is from an importable module."""
    return _files.get(kind.__module__)


def reference(kind: type) -> str:
    """Return the reference of a class: its short name, or `package.module:Name`, or `path/mine.py:Name`.

    `resolve` converts the reference back to the class. Raises ValueError if `resolve` could not find the class, because
    it is not defined at the top level of a module. Also raises ValueError for a class of this package without a short
    name, because the run's id would change if the class moved to another module.
    """
    if kind.__module__ == "__main__" or "." in kind.__qualname__:
        raise ValueError(
            f"the class {kind.__qualname__} cannot be loaded again by its name: define it at the top level of an "
            "importable module, or at the top level of a file that you give as mine.py:NAME"
        )
    if file := user_file(kind):
        return f"{file.path}:{kind.__name__}"
    for name, target in NAMES.items():
        if target.endswith(f":{kind.__name__}") and resolve(target) is kind:
            return name
    if kind.__module__.startswith("simulator."):
        raise ValueError(
            f"{kind.__name__} has no short name: add one to the table in simulator/names.py, or define the "
            "class in your own file"
        )
    return f"{kind.__module__}:{kind.__name__}"


def parse(text: str, known: Mapping[str, str], directory: Path | None = None, **defaults: object) -> Any:
    """Return the object that a text describes, such as `Preserve(share=0.1)` for `preserve:0.1`.

    `known` maps the short names that the text can use to their references. A setting without a name is the value of the
    field at the same position in the class. `defaults` are values for fields that the text does not set; entries for
    fields that the class does not have are ignored. Paths are relative to `directory`, by default the current
    directory. Raises ValueError if the text is not valid; the message says what to write instead.
    """
    match = _REFERENCE.match(text)
    if match is None:
        raise ValueError(f"{text!r} is not a name: write one of {', '.join(known)}, or path/mine.py:Name")
    name, settings = match["name"], match["settings"]
    if name not in known and ":" not in name:
        raise ValueError(f"{name!r} is not a known name: write one of {', '.join(known)}, or path/mine.py:Name")
    kind = resolve(known.get(name, name), directory)
    if not (isinstance(kind, type) and dataclasses.is_dataclass(kind)):
        raise ValueError(f"{name} is not a frozen dataclass: use a class with the decorator @dataclass(frozen=True)")
    fields = [field.name for field in dataclasses.fields(kind)]
    values = {field: value for field, value in defaults.items() if field in fields}
    for position, setting in enumerate(settings.split(",") if settings else []):
        key, equals, value = setting.rpartition("=")
        if not equals and position >= len(fields):
            raise ValueError(
                f"{text!r} has too many settings: remove some. The settings of {kind.__name__} are: "
                f"{', '.join(fields) or 'none'}"
            )
        values[key if equals else fields[position]] = _setting_value(text, value)
    return build(kind, values)


def _setting_value(text: str, value: str) -> Any:
    """Return the value of a setting in `text`, read as YAML. Raises ValueError if it is not valid."""
    try:
        return yaml.safe_load(value)
    except yaml.YAMLError:
        raise ValueError(
            f"{text!r} has a setting with the value {value!r}, which cannot be read: write a number, true, false or a "
            "name, such as preserve:0.1 or gmm:components=5"
        ) from None


def build(kind: type, settings: Mapping[str, object]) -> Any:
    """Return an instance of the frozen dataclass `kind` with these settings.

    Raises ValueError if the class has no such setting, or if a value has a wrong type or is out of range.
    """
    fields = [field.name for field in dataclasses.fields(kind)]
    if unknown := sorted(set(settings) - set(fields)):
        raise ValueError(
            f"{kind.__name__} has no setting {unknown[0]!r}: correct its name, or remove it. The settings of "
            f"{kind.__name__} are: {', '.join(fields) or 'none'}"
        )
    return TypeAdapter(kind).validate_python(dict(settings))


def label(value: Any) -> str:
    """Return a short text that `parse` converts back to this object: `preserve:0.1`, `gmm:components=5`.

    Settings with their default values are omitted. Raises ValueError as `reference` does.
    """
    name = reference(type(value))
    settings = []
    for position, field in enumerate(dataclasses.fields(value)):
        setting = getattr(value, field.name)
        if position == 0 and isinstance(setting, float):
            settings.append(f"{setting:g}")
        elif setting != field.default:
            settings.append(f"{field.name}={setting}")
    return ":".join([name, ",".join(settings)] if settings else [name])
