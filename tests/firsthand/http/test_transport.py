"""Requests are tried again where that is safe and of use, and what cannot be mended is told in words."""

import pickle
from collections.abc import Iterator

import httpx2
import pytest

from firsthand import errors
from firsthand.http.transport import Transport
from firsthand.schemas.organizations import Organization
from firsthand.schemas.problems import Problem
from tests.firsthand.http.wire import ORGANIZATION, Wire, problem


@pytest.mark.parametrize(
    "trouble", [httpx2.ConnectError("refused"), httpx2.ReadTimeout("slow"), problem(502), problem(503), problem(504)]
)
def test_trouble_on_the_way_is_tried_again_with_the_same_idempotency_key(trouble: httpx2.Response | Exception) -> None:
    wire = Wire(trouble, trouble, httpx2.Response(201, json=ORGANIZATION))
    answer = wire.transport.ask(Organization, "POST", "/v1/organizations", idempotency_key="once")
    assert answer.name == "acme"
    assert [request.headers["Idempotency-Key"] for request in wire.requests] == ["once"] * 3


def test_a_request_that_arrived_and_got_no_answer_in_time_is_not_sent_again() -> None:
    wire = Wire(httpx2.ReadTimeout("slow"))
    with pytest.raises(
        errors.Unreachable, match=r"did not answer POST /v1/mixes within 60 s.\nSet a longer time limit with FIRST"
    ):
        wire.transport.send("POST", "/v1/mixes", content=b"{}")
    assert len(wire.requests) == 1


@pytest.mark.parametrize("url", ["registry.test", "ftp://registry.test", "http://[::1", "http://"])
def test_a_wrong_address_is_refused_with_the_form_that_is_right(url: str) -> None:
    with pytest.raises(errors.Unreachable, match="is not the address of a registry: it must begin with http"):
        Transport(url, None, timeout=60, retries=0)


def test_a_key_that_no_header_can_hold_is_refused_in_words() -> None:
    with pytest.raises(errors.CredentialsError, match="characters that are not allowed"):
        Wire(httpx2.Response(200), api_key="schlüssel")


def test_pauses_grow_and_are_never_the_same() -> None:
    wire = Wire(httpx2.ConnectError("refused"), retries=8)
    with pytest.raises(errors.Unreachable):
        wire.transport.send("GET", "/v1/datasets")
    assert len(wire.requests) == 9
    for attempt, pause in enumerate(wire.pauses):
        middle = min(0.2 * 2**attempt, 10)
        assert 0.5 * middle <= pause <= 1.5 * middle
    assert len(set(wire.pauses)) == 8


def test_retry_after_is_honoured_up_to_a_minute() -> None:
    def busy(seconds: str) -> httpx2.Response:
        response = problem(503)
        response.headers["Retry-After"] = seconds
        return response

    wire = Wire(busy("7"), busy("3600"), busy("Wed, 21 Oct 2026 07:28:00 GMT"), httpx2.Response(200, json=ORGANIZATION))
    wire.transport.ask(Organization, "GET", "/")
    assert wire.pauses[:2] == [7, 60]
    assert wire.pauses[2] < 2


def test_a_long_wait_is_announced_with_its_reason_and_a_short_one_is_not(caplog: pytest.LogCaptureFixture) -> None:
    busy = problem(503, "The snapshot was not built:\x1b[2J no such folder.")
    busy.headers["Retry-After"] = "60"
    wire = Wire(problem(503), busy, busy, httpx2.Response(200, json=ORGANIZATION))
    wire.transport.send("GET", "/")
    assert [record.getMessage() for record in caplog.records] == [
        "http://registry.test answers 503 (The snapshot was not built:\\x1b[2J no such folder.); trying again in 60 s"
    ]


KINDS = {
    400: errors.BadRequest,
    401: errors.Unauthorized,
    403: errors.Forbidden,
    404: errors.NotFound,
    409: errors.Conflict,
    413: errors.TooLarge,
    418: errors.ProblemError,
    422: errors.Refused,
    429: errors.Busy,
    500: errors.ServerFault,
}


@pytest.mark.parametrize(("status", "kind"), KINDS.items())
def test_a_refusal_is_raised_at_once_and_carries_the_problem(status: int, kind: type[errors.ProblemError]) -> None:
    wire = Wire(problem(status, "for this reason", errors=[{"where": "row 17", "message": "no digest"}]))
    with pytest.raises(kind) as caught:
        wire.transport.send("POST", "/v1/lookups")
    assert type(caught.value) is kind
    assert caught.value.problem.status == status
    assert str(caught.value).splitlines()[:2] == ["for this reason", "  row 17: no digest"]
    assert len(wire.requests) == 1


@pytest.mark.parametrize(("status", "named"), [(401, True), (403, True), (404, False)])
def test_a_refusal_of_the_key_says_which_key_was_used(status: int, named: bool) -> None:
    refused = Problem(type="about:blank", title="Refused", status=status, detail="This key has the scopes read, write.")
    error = errors.from_problem(refused, "the key of FIRSTHAND_API_KEY, id 0123456789ab")
    assert ("The request used the key of FIRSTHAND_API_KEY, id 0123456789ab." in str(error)) == named
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_a_registry_that_stays_busy_raises_busy() -> None:
    wire = Wire(problem(503, "all places are taken"))
    with pytest.raises(errors.Busy, match="all places are taken"):
        wire.transport.send("GET", "/")
    assert len(wire.requests) == 4


def test_a_gateway_in_front_of_a_registry_that_is_down_raises_busy() -> None:
    wire = Wire(httpx2.Response(502, text="<html>Bad Gateway</html>"))
    with pytest.raises(errors.Busy, match="answers 502"):
        wire.transport.send("GET", "/")
    assert len(wire.requests) == 4


def test_of_many_errors_ten_are_shown_and_the_rest_counted() -> None:
    wire = Wire(problem(422, errors=[{"where": f"row {n}", "message": "no"} for n in range(25)]))
    with pytest.raises(errors.Refused) as caught:
        wire.transport.send("GET", "/")
    assert str(caught.value).splitlines()[-1] == "  and 15 more"
    assert len(caught.value.problem.errors) == 25


@pytest.mark.parametrize(
    "answer",
    [
        httpx2.Response(404, text="<html>not here</html>"),
        httpx2.Response(200, text="<html>welcome</html>"),
        httpx2.Response(200, json={"name": "acme"}),
        httpx2.Response(500, text="oh"),
        httpx2.Response(302, headers={"Location": "/"}),
    ],
)
def test_a_server_that_is_no_registry_is_recognised(answer: httpx2.Response) -> None:
    with pytest.raises(errors.NotUnderstood, match="Check that this is the address of"):
        Wire(answer).transport.ask(Organization, "GET", "/v1/organizations/acme")


@pytest.mark.parametrize("url", ["registry.test:8734", "ftp://registry.test", "", "/v1"])
def test_an_address_without_http_is_refused_before_anything_is_sent(url: str) -> None:
    with pytest.raises(errors.Unreachable, match="must begin with http"):
        Transport(url, None, timeout=60, retries=0)


def test_fields_that_a_newer_registry_adds_are_ignored() -> None:
    wire = Wire(httpx2.Response(200, json={**ORGANIZATION, "colour": "red"}))
    assert wire.transport.ask(Organization, "GET", "/").name == "acme"


def test_lists_are_read_page_by_page_as_they_are_asked_for() -> None:
    def page(request: httpx2.Request) -> httpx2.Response:
        start = int(request.url.params.get("cursor", 0))
        entries = [{**ORGANIZATION, "position": n} for n in range(start, start + 2)]
        return httpx2.Response(200, json={"items": entries, "next": str(start + 2) if start < 4 else None})

    wire = Wire(page)
    listed = wire.transport.pages(Organization, "/v1/organizations", limit=2)
    assert next(listed).position == 0
    assert len(wire.requests) == 1
    assert [entry.position for entry in listed] == [1, 2, 3, 4, 5]
    assert [request.url.params["limit"] for request in wire.requests] == ["2"] * 3


def test_parameters_that_were_not_given_are_not_sent() -> None:
    wire = Wire(httpx2.Response(200, json=ORGANIZATION))
    wire.transport.send("GET", "/", params={"as_of": None, "policy": "strict"})
    assert wire.requests[0].url.query == b"policy=strict"


def test_the_key_is_sent_as_a_bearers_and_nothing_without_one() -> None:
    with_key, without = Wire(httpx2.Response(200)), Wire(httpx2.Response(200), api_key=None)
    with_key.transport.send("GET", "/")
    without.transport.send("GET", "/")
    assert with_key.requests[0].headers["Authorization"] == "Bearer key"
    assert "Authorization" not in without.requests[0].headers


def test_a_stream_that_breaks_off_is_an_error_and_not_an_end() -> None:
    def broken() -> Iterator[bytes]:
        yield b"first"
        raise httpx2.ReadError("connection lost")

    wire = Wire(lambda request: httpx2.Response(200, content=broken()))
    with pytest.raises(errors.Unreachable, match="was interrupted"), wire.transport.stream("/digests") as pieces:
        list(pieces)


def test_an_answer_that_is_only_asked_once_is_not_tried_again() -> None:
    wire = Wire(httpx2.ConnectError("refused"))
    assert wire.transport.answers("/healthz") is False
    assert len(wire.requests) == 1
