"""Recipes as people write them say the same as recipes on the wire."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from firsthand.mixes import recipe_text
from firsthand.schemas.mixes import Part


def test_a_part_in_one_line_is_the_part_on_the_wire() -> None:
    text = (
        "verdict=human|unknown, dataset=acme/web|acme/mail, generation=0|1, max_generation=3, lower_bounds=true, "
        "model=acme/writer@1, collected_before=2022-11-30, registered_before=17, share=0.25, weight=confidence"
    )
    assert recipe_text.part(text) == Part(
        verdict_in=["human", "unknown"],
        datasets=["acme/web", "acme/mail"],
        generation_in=[0, 1],
        max_generation=3,
        lower_bounds=True,
        models=["acme/writer@1"],
        collected_before=datetime(2022, 11, 30, tzinfo=UTC),
        registered_before=17,
        share=0.25,
        weight="confidence",
    )


def test_fields_may_be_called_as_on_the_wire_and_times_may_have_a_zone() -> None:
    part = recipe_text.part("verdict_in=model,collected_before=2022-11-30T12:00:00+02:00,size=5")
    assert part == Part(verdict_in=["model"], collected_before=datetime(2022, 11, 30, 10, tzinfo=UTC), size=5)


def test_a_part_without_fields_takes_everything() -> None:
    assert recipe_text.part("") == Part()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("human", "'human': there is no '='"),
        ("verdict=human,verdict=model", "the field occurs twice"),
        ("verdict=human,verdict_in=model", "the field occurs twice"),
        ("share=1.5", "less than or equal to 1"),
        ("share=0.5,size=3", "remove one of them"),
        ("collected_before=2022-13-01", "datetime"),
        ("collected_before=2022-11-30T12:00:00", "timezone"),
    ],
)
def test_a_part_that_is_none_is_refused_in_words(text: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        recipe_text.part(text)


def test_a_recipe_in_yaml_is_the_recipe_on_the_wire(tmp_path: Path) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text(
        "seed: 7\nsize: 1000\nparts:\n"
        "  - {verdict_in: [human], collected_before: 2022-11-30, share: 0.1}\n"
        "  - {generation_in: [3], share: 0.9}\n"
    )
    recipe = recipe_text.load(file)
    assert (recipe.seed, recipe.size) == (7, 1000)
    assert recipe.parts[0].collected_before == datetime(2022, 11, 30, tzinfo=UTC)
    assert recipe.parts[1] == Part(generation_in=[3], share=0.9)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("parts: [", "is not YAML"),
        ("- a\n- list\n", "is not a recipe: it must begin with `parts:`"),
        ("seed: 1\n", "parts: this field is required"),
        ("parts: [{colour: red}]\n", r"parts\.0\.colour: there is no such field"),
        ("parts: [text]\n", r"parts\.0"),
        ("parts: [{share: 0.5}]\n", "so the recipe needs a size"),
    ],
)
def test_a_file_that_holds_no_recipe_is_named_with_what_is_wrong(tmp_path: Path, content: str, message: str) -> None:
    file = tmp_path / "recipe.yaml"
    file.write_text(content)
    with pytest.raises(ValueError, match=message) as caught:
        recipe_text.load(file)
    assert str(file) in str(caught.value)
