"""Parse recipes of mixes: one part from a text, or a complete recipe from a YAML file."""

from collections.abc import Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from firsthand.schemas.explain import explain
from firsthand.schemas.mixes import Part, Recipe

#: Short names → names of the fields of a part. Other fields have the same name as in the recipe.
_SHORT = {
    "verdict": "verdict_in",
    "generation": "generation_in",
    "dataset": "datasets",
    "model": "models",
}
_LISTS = frozenset(_SHORT.values())


def part(text: str) -> Part:
    """Parse a part of a recipe, such as `verdict=human|unknown,dataset=acme/web,share=0.1`.

    Commas separate fields. Vertical bars separate the values of a field. Raises ValueError for a wrong field or value.
    """
    fields: dict[str, Any] = {}
    for pair in filter(None, text.split(",")):
        name, equals, value = (word.strip() for word in pair.partition("="))
        name = _SHORT.get(name, name)
        if not equals or name in fields:
            reason = "the field occurs twice" if equals else "there is no '='"
            raise ValueError(f"{pair!r}: {reason}; use field=value, separated by commas: verdict=human,share=0.1")
        fields[name] = value.split("|") if name in _LISTS else value
    return Part.model_validate(_moments(fields))


def load(path: Path) -> Recipe:
    """Parse a YAML file with the fields of `firsthand.schemas.mixes.Recipe`. Raises ValueError if it is not valid."""
    try:
        recipe = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} is not YAML. Correct the file: {error}") from None
    if not isinstance(recipe, dict):
        raise ValueError(f"{path} is not a recipe: it must begin with `parts:` and a list of parts")
    if isinstance(parts := recipe.get("parts"), list):
        recipe["parts"] = [_moments(p) if isinstance(p, dict) else p for p in parts]
    try:
        return Recipe.model_validate(recipe)
    except ValidationError as error:
        raise ValueError(f"{path} is not a recipe:\n{explain(error)}") from None


def _moments(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Replace a date in `collected_before` (a text, or a date of YAML) by its midnight in UTC."""
    moments = dict(fields)
    match moments.get("collected_before"):
        case datetime():
            pass
        case date() as day:
            moments["collected_before"] = datetime(day.year, day.month, day.day, tzinfo=UTC)
        case str(text) if len(text) == len("2022-11-30"):
            moments["collected_before"] = f"{text}T00:00:00Z"
    return moments
