"""The fuzzer finds no fault in the registry, and reports every kind of fault that a test shows to it."""

import json
from itertools import islice
from pathlib import Path

import httpx2
import numpy as np
import pytest

from benchmarks.fuzz.__main__ import main
from benchmarks.fuzz.answers import FuzzRequest, answer_fault
from benchmarks.fuzz.fault_files import FaultFiles
from benchmarks.fuzz.forms import UploadForm, upload_forms
from benchmarks.fuzz.json_mutations import VALUES, change_json
from benchmarks.fuzz.memory_growth import ALLOWED_BYTES, memory_growth
from benchmarks.fuzz.mutations import MOST_BYTES, MUTATIONS, mutate
from benchmarks.fuzz.sender import FuzzSender, fuzz_requests
from benchmarks.harness.workers_watch import MemorySample
from firsthand.schemas.problems import MEDIA_TYPE
from tests.factories import random_digests

PROBLEM = {
    "type": "urn:firsthand:problem:malformed",
    "title": "Malformed request",
    "status": 400,
    "detail": "Send JSON.",
}


def forms() -> list[UploadForm]:
    return upload_forms("0" * 12, 7, 9, random_digests(40), np.random.default_rng(0))


@pytest.mark.slow
def test_twenty_seconds_of_mutations_show_no_fault(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    failed = main(["--seconds", "20", "--save", str(tmp_path / "faults")])
    output = capsys.readouterr().out
    print(output)
    assert not failed, output
    assert "0 workers died, 0 faults" in output
    for form in forms():
        assert f"\n{form.name}" in output
    assert not (tmp_path / "faults").exists()


@pytest.mark.slow
def test_the_same_seed_gives_the_same_requests_and_another_seed_gives_others() -> None:
    def first(seed: int) -> list[FuzzRequest]:
        return list(islice(fuzz_requests(forms(), forms(), np.random.default_rng(seed)), 300))

    assert first(1) == first(1)
    assert first(1) != first(2)
    assert {request.form for request in first(1)} == {form.name for form in forms()}


def test_only_chosen_forms_are_sent() -> None:
    chosen = [form for form in forms() if form.name == "mix"]
    requests = islice(fuzz_requests(forms(), chosen, np.random.default_rng(0)), 50)
    assert {request.form for request in requests} == {"mix"}


@pytest.mark.slow
@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.__name__)
def test_every_mutation_changes_every_kind_of_body(mutation: object) -> None:
    assert callable(mutation)
    for form in forms():
        for original in form.originals:
            random, bodies = np.random.default_rng(3), set[bytes]()
            for _ in range(20):
                body = bytearray(original)
                mutation(body, form.originals[0], random)
                bodies.add(bytes(body))
            assert len(bodies - {original}) > 5, form.name


@pytest.mark.slow
def test_mutated_bodies_have_a_largest_size_and_some_keep_their_form() -> None:
    original, random = forms()[1].originals[0], np.random.default_rng(0)
    bodies = [mutate(original, original, random) for _ in range(400)]
    assert max(map(len, bodies)) <= MOST_BYTES
    read = 0
    for body in bodies:
        try:
            json.loads(body)
            read += 1
        except ValueError:
            pass
    assert 150 < read < 350
    assert original in bodies


@pytest.mark.slow
def test_a_changed_json_value_never_changes_the_values_that_are_inserted() -> None:
    before, random = repr(VALUES), np.random.default_rng(0)
    for _ in range(500):
        fields: object = {"a": [1, {"b": 2}]}
        for _ in range(4):
            fields = change_json(fields, random)
        json.dumps(fields)
    assert repr(VALUES) == before


def answer(status: int, fields: object, media_type: str = MEDIA_TYPE) -> httpx2.Response:
    content = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
    return httpx2.Response(status, headers={"Content-Type": media_type}, content=content)


@pytest.mark.parametrize(
    ("response", "fault"),
    [
        (answer(400, PROBLEM), None),
        (answer(503, {**PROBLEM, "status": 503}), None),
        (answer(201, {"id": 4}, "application/json"), None),
        (answer(200, b"\xff\x00", "application/vnd.apache.arrow.stream"), None),
        (answer(500, {**PROBLEM, "status": 500}), "status 500"),
        (answer(502, b"", "text/html"), "status 502"),
        (answer(400, b"Bad Request", "text/plain"), "content type text/plain"),
        (answer(400, PROBLEM, "application/json"), "content type application/json"),
        (answer(400, b"{"), "not JSON"),
        (answer(400, b'"\xff"'), "not JSON"),
        (answer(422, PROBLEM), "field status is 400"),
        (answer(400, {**PROBLEM, "detail": ""}), "empty detail"),
        (answer(400, {"detail": "no"}), "fields"),
        (answer(400, [PROBLEM]), "fields"),
        (answer(200, b"{", "application/json"), "not JSON"),
        (answer(200, b"[NaN]", "application/json"), "NaN"),
    ],
)
def test_an_answer_that_should_not_exist_is_a_fault(response: httpx2.Response, fault: str | None) -> None:
    stated = answer_fault(response)
    assert stated is None if fault is None else stated is not None and fault in stated


def test_the_body_of_a_fault_is_saved_with_the_command_that_sends_it_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    faults = FaultFiles(tmp_path / "faults")
    request = FuzzRequest("look-up raw", "POST", "/v1/lookups?as_of=3", {"Content-Type": "a/b"}, b"\x00'\xff")
    faults.add(request, "status 500")
    faults.add(None, "1 workers died")
    assert faults.faults == ["look-up raw: status 500", "1 workers died"]
    (body,) = (tmp_path / "faults").glob("*.body")
    assert body.read_bytes() == request.body
    assert str(body) in capsys.readouterr().out
    fields = json.loads(body.with_suffix(".json").read_text())
    assert fields["fault"] == "status 500"
    assert str(body) in fields["curl"]
    assert "'/v1/lookups?as_of=3'" in fields["curl"]


def test_a_request_without_an_answer_is_a_fault_and_ends_its_sender(tmp_path: Path) -> None:
    faults = FaultFiles(tmp_path)
    sender = FuzzSender("http://127.0.0.1:9", "key", iter([]), faults)
    assert not sender.send(FuzzRequest("mix", "POST", "/v1/mixes", {}, b"{}"))
    assert "mix: no answer" in faults.faults[0]
    assert sender.statuses == {("mix", None): 1}


@pytest.mark.parametrize(
    ("rises", "steady"),
    [
        ([10] * 100, True),  # all the time
        ([50] * 25 + [0] * 75, False),  # only at the start
        ([1] * 60 + [40] * 5 + [1] * 35, False),  # once, and slowly all the time
        ([0.1] * 100, False),  # as little as the catalog needs
        ([0] * 2, False),
    ],
)
def test_memory_that_grows_in_every_part_of_a_run_is_a_fault(rises: list[float], steady: bool) -> None:
    memory = np.cumsum(np.array(rises) * ALLOWED_BYTES / 100)
    growth = memory_growth([MemorySample(float(time), int(size)) for time, size in enumerate(memory)])
    assert growth.steady is steady
    assert str(growth).endswith("MB")
