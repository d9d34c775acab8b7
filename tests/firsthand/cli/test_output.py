"""What commands print for people: words, no raw JSON, and no colours for those who do not want them."""

import pytest
from pydantic import BaseModel

from firsthand.cli import output
from firsthand.schemas.models import OriginCounts, TrainedOn


class TrainedAnswer(BaseModel):
    """An answer with nested values, as a model has."""

    trained_on: list[TrainedOn]
    counts: OriginCounts
    body: dict[str, int]


def test_nested_values_are_printed_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    parts = [TrainedOn(dataset="local/letters", position=3), TrainedOn(mix="0f" * 16)]
    answer = TrainedAnswer(trained_on=parts, counts=OriginCounts(human=2, generations={"1": 4}), body={"x": 1})
    output.record(answer, as_json=False, verbatim=["body"])
    lines = {line.split("  ")[0]: line.split("  ", 1)[1].strip() for line in capsys.readouterr().out.splitlines()}
    assert lines["trained on"] == f"dataset local/letters, position 3; mix {'0f' * 16}"
    assert lines["counts"] == "human 2, model 0, contested 0, unknown 0, generations (1: 4), lower bounds 0"
    assert lines["body"] == '{"x": 1}'


def test_an_empty_list_and_an_absent_value_are_a_dash(capsys: pytest.CaptureFixture[str]) -> None:
    output.record(TrainedAnswer(trained_on=[], counts=OriginCounts(), body={}), as_json=False)
    assert capsys.readouterr().out.splitlines()[0].split() == ["trained", "on", "–"]


@pytest.mark.parametrize(("value", "coloured"), [("1", False), ("", True)])
def test_colours_obey_no_color(monkeypatch: pytest.MonkeyPatch, value: str, coloured: bool) -> None:
    monkeypatch.setenv("NO_COLOR", value)
    assert ("\x1b[" in output.coloured("human", "green")) == coloured
