"""No message of pydantic and no regular expression reaches a user."""

from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from firsthand.schemas import base, corrections, datasets, mixes, models, organizations, registrations, snapshots
from firsthand.schemas.explain import explain, problems
from firsthand.schemas.models import NewModel
from firsthand.schemas.organizations import NewOrganization
from firsthand.schemas.registrations import NewRegistration

DIGEST = "sha256:" + "0f" * 32
PART: dict[str, Any] = {"share": 0.5}
RECIPE: dict[str, Any] = {"size": 10, "parts": [PART]}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (
            lambda: NewOrganization(name="Acme"),
            "name 'Acme': use lower-case letters, digits, '.', '_' and '-', such as 'acme'",
        ),
        (lambda: NewOrganization.model_validate({}), "name: this field is required"),
        (
            lambda: NewModel.model_validate({"trained_on": ["local/letters"]}),
            "trained_on.0 'local/letters': use an object such as TrainedOn(dataset='acme/web', position=12); "
            'in JSON, {"dataset": "acme/web", "position": 12}',
        ),
        (
            lambda: NewModel.model_validate({"trained_on": [{"mix": "zzz"}]}),
            "trained_on.0.mix 'zzz': use 32 hexadecimal digits, such as '0123456789abcdef0123456789abcdef'",
        ),
        (lambda: NewModel(generation=0), "generation '0': use a number that is at least 1"),
        (lambda: NewModel.model_validate({"generation": "two"}), "generation 'two': use a whole number, such as 12"),
        (
            lambda: mixes.Recipe.model_validate(RECIPE | {"parts": [{"share": "30%"}]}),
            "parts.0.share '30%': use a number, such as 0.3",
        ),
        (
            lambda: mixes.Part.model_validate({"collected_before": "yesterday"}),
            "collected_before 'yesterday': use a time with its zone, such as 2026-01-31T12:00:00Z",
        ),
        (
            lambda: mixes.Part.model_validate({"collected_before": 90}),
            "collected_before '90': use a time with its zone, such as 2026-01-31T12:00:00Z",
        ),
        (
            lambda: mixes.Part.model_validate({"collected_before": "90"}),
            "collected_before '90': use a time with its zone, such as 2026-01-31T12:00:00Z",
        ),
        (
            lambda: NewRegistration.model_validate({"origin": "model", "model": "writer"}),
            "model 'writer': use organization/name@version in lower-case letters, digits, '.', '_' and '-', "
            "such as 'acme/writer@1'",
        ),
    ],
)
def test_each_mistake_says_where_it_is_and_what_to_write_instead(make: Callable[[], object], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        make()
    assert explain(caught.value) == words


#: Every class that a client sends, with fields that are right.
REQUESTS: list[tuple[type[BaseModel], dict[str, Any]]] = [
    (organizations.NewOrganization, {"name": "acme", "title": ""}),
    (organizations.NewKey, {"organization": "acme", "name": "", "scopes": ["read"]}),
    (datasets.NewDataset, {"profile": "text-1", "title": ""}),
    (models.NewModel, {"trained_on": [{"mix": "0" * 32}], "generation": 1, "served_from": "2026-01-01T00:00:00Z"}),
    (models.TrainedOn, {"dataset": "acme/web", "position": 1}),
    (registrations.NewRegistration, {"origin": "model", "model": "acme/m@1", "collected_at": "2026-01-01T00:00:00Z"}),
    (registrations.Columns, {"digests": [DIGEST], "size": [1], "confidence": [1]}),
    (corrections.NewWithdrawal, {"statement": 1, "digests": [DIGEST], "reason": ""}),
    (corrections.NewDispute, {"registration": 1, "digests": [DIGEST], "reason": ""}),
    (mixes.NewMix, {**RECIPE, "seed": 1, "as_of": 1, "policy": "strict", "unit": "items", "dry_run": True}),
    (mixes.Part, {"verdict_in": ["human"], "generation_in": [1], "max_generation": 1, "lower_bounds": True}),
    (mixes.Part, {"datasets": ["acme/web"], "models": ["acme/m@1"], "size": 1, "weight": "confidence"}),
    (snapshots.NewSnapshot, {"as_of": 1, "policy": "strict", "bits": 12}),
]
WRONG: list[Any] = [None, True, 0, -1, 2.5, 10**30, "", "A\x00", "x" * 3000, [], [0], ["?"], [""] * 70, {}, {"x": 1}]


@pytest.mark.parametrize(("kind", "fields"), REQUESTS, ids=lambda value: getattr(value, "__name__", ""))
def test_whatever_is_wrong_with_a_field_is_said_in_words(kind: type[BaseModel], fields: dict[str, Any]) -> None:
    kind.model_validate(fields)
    refused = 0
    for name in [*fields, "unknown"]:
        for value in WRONG:
            try:
                kind.model_validate({**fields, name: value})
            except ValidationError as error:
                refused += 1
                for problem in problems(error.errors()):
                    for raw in ("should", "pattern", "Input", "Extra", "Value error", "is not accepted", "^["):
                        assert raw not in problem.message, (name, value, problem)
    assert refused > len(fields)


def test_the_digest_of_base_is_explained() -> None:
    class Holder(BaseModel):
        digest: base.Digest

    with pytest.raises(ValidationError) as caught:
        Holder.model_validate({"digest": "abc"})
    assert explain(caught.value) == "digest 'abc': use the digest of an item: 'sha256:' and 64 hexadecimal digits"
