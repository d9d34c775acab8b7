"""Recipes of mixes as people write them: parts in one line each, or a YAML file."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from firsthand.schemas.mixes import Part, Recipe

#: Short words of a part → its fields. What is not here is called as in the recipe.
_SHORT = {
    "verdict": "verdict_in",
    "generation": "generation_in",
    "dataset": "datasets",
    "model": "models",
}
_LISTS = frozenset(_SHORT.values())


def part(text: str) -> Part:
    """Parse `verdict=human|unknown,dataset=acme/web,share=0.1`: fields with commas between, several values with bars.

    Raises ValueError that says what is wrong with it.
    """
    fields: dict[str, Any] = {}
    for pair in filter(None, text.split(",")):
        name, equals, value = (word.strip() for word in pair.partition("="))
        name = _SHORT.get(name, name)
        if not equals or name in fields:
            raise ValueError(f"{pair!r} is not one field=value; write for example verdict=human,share=0.1")
        fields[name] = value.split("|") if name in _LISTS else value
    return Part.model_validate(_moments(fields))


def load(path: Path) -> Recipe:
    """The recipe of a YAML file: the fields of `firsthand.schemas.mixes.Recipe`. Raises ValueError naming the file."""
    try:
        recipe = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not YAML: {error}") from None
    if not isinstance(recipe, dict):
        raise ValueError(f"{path} holds no recipe: begin with `parts:` and a list")
    if isinstance(parts := recipe.get("parts"), list):
        recipe["parts"] = [_moments(p) if isinstance(p, dict) else p for p in parts]
    try:
        return Recipe.model_validate(recipe)
    except ValidationError as error:
        raise ValueError(f"{path} is not a recipe:\n{explain(error)}") from None


def explain(error: ValidationError) -> str:
    """A validation error in a line for each thing that is wrong: where, and what."""
    return "\n".join(
        f"{'.'.join(map(str, e['loc']))}: {e['msg'].removeprefix('Value error, ')}".removeprefix(": ")
        for e in error.errors()
    )


def _moments(fields: Mapping[str, Any]) -> dict[str, Any]:
    """A bare date, of text or of YAML, is its first second in UTC."""
    moments = dict(fields)
    match moments.get("collected_before"):
        case datetime():
            pass
        case date() as day:
            moments["collected_before"] = datetime(day.year, day.month, day.day, tzinfo=UTC)
        case str(text) if len(text) == len("2022-11-30"):
            moments["collected_before"] = f"{text}T00:00:00Z"
    return moments
