"""`firsthand register`: where files and rows come from."""

import json
from pathlib import Path

import pytest

from tests.conftest import Registry
from tests.firsthand.conftest import Firsthand


@pytest.fixture
def rows(tmp_path: Path) -> Path:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"text": f"text {n}"}) + "\n" for n in range(50)))
    return path


@pytest.fixture
def texts(firsthand: Firsthand) -> Firsthand:
    firsthand("dataset", "create", "local/texts", "--profile", "text-1")
    return firsthand


def test_registering_says_what_was_new_and_again_adds_nothing(texts: Firsthand, rows: Path) -> None:
    words = ("register", rows, "--dataset", "local/texts", "--human")
    first = texts(*words)
    assert "50 items in local/texts, of human origin: 50 new, 0 known" in first.out
    assert texts(*words, "--json").json["registrations"] == [int(first.out.split()[-1])]
    assert texts("dataset", "show", "local/texts", "--json").json["claims"] == 50


def test_a_withdrawn_file_is_registered_again_with_the_option_again(
    texts: Firsthand, rows: Path, registry: Registry
) -> None:
    words = ("register", rows, "--dataset", "local/texts", "--human", "--json")
    (first,) = texts(*words).json["registrations"]
    registry.client().withdraw(first)
    assert texts("check", rows, "--json", "--summary").json["counts"]["human"] == 0
    refused = texts(*words, status=1)
    assert (refused.out, "use --again" in refused.err) == ("", True)
    (second,) = texts(*words, "--again").json["registrations"]
    assert second > first
    assert texts("check", rows, "--json", "--summary").json["counts"]["human"] == 50


def test_a_models_output_has_the_models_generation(texts: Firsthand, rows: Path) -> None:
    texts("model", "create", "local/writer@1", "--generation", 3)
    registered = texts("register", rows, "--dataset", "local/texts", "--model", "local/writer@1", "--json").json
    assert (registered["origin"], registered["model"], registered["generation"]) == ("model", "local/writer@1", 3)


def test_evidence_and_date_stand_in_the_registration(texts: Firsthand, rows: Path, registry: Registry) -> None:
    words = ("register", rows, "--dataset", "local/texts", "--human")
    registered = texts(*words, "--evidence", "capture", "--collected-at", "2021-03-04", "--json").json
    registration = registry.client().registration(registered["registrations"][0])
    assert registration.evidence == "capture"
    assert registration.collected_at is not None
    assert registration.collected_at.isoformat() == "2021-03-04T00:00:00+00:00"


def test_sizes_are_registered_when_they_are_asked_for(texts: Firsthand, rows: Path) -> None:
    texts("register", rows, "--dataset", "local/texts", "--human", "--sizes")
    mix = texts("mix", "create", "--part", "verdict=human", "--unit", "size", "--json").json
    assert mix["parts"][0]["size"] == sum(len(f"text {n}") for n in range(50))


def test_a_dataset_that_is_missing_is_an_error_with_the_command_that_makes_it(
    firsthand: Firsthand, rows: Path, tmp_path: Path
) -> None:
    ran = firsthand("register", rows, "--dataset", "local/new", "--human", status=1)
    assert "firsthand dataset create local/new --profile text-1" in ran.err
    (tmp_path / "image.png").write_bytes(b"\x89PNG")
    ran = firsthand("register", tmp_path / "image.png", "--dataset", "local/new", "--human", status=1)
    assert "firsthand dataset create local/new --profile bytes-1" in ran.err


def test_an_image_in_a_dataset_of_texts_is_refused_by_name(texts: Firsthand, tmp_path: Path) -> None:
    (tmp_path / "image.png").write_bytes(b"\x89PNG")
    ran = texts("register", tmp_path / "image.png", "--dataset", "local/texts", "--human", status=1)
    assert "image.png is not UTF-8" in ran.err


@pytest.mark.parametrize("origin", [[], ["--human", "--unstated"], ["--human", "--model", "a/b@1"], ["--model", "a/b"]])
def test_register_needs_exactly_one_origin(alone: Firsthand, rows: Path, origin: list[str]) -> None:
    alone("register", rows, "--dataset", "local/texts", *origin, status=2)


def test_without_a_key_the_registry_says_how_to_get_one(
    texts: Firsthand, rows: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("FIRSTHAND_API_KEY")
    ran = texts("register", rows, "--dataset", "local/texts", "--human", status=1)
    assert "firsthand login URL" in ran.err
