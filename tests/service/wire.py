"""Requests as bytes on a connection, the shape of problems, and the samples of metrics."""

import socket
from urllib.parse import urlsplit

import httpx2
from prometheus_client.parser import text_string_to_metric_families

from benchmarks.harness.waiting import PATIENCE_SECONDS
from service.errors import Refusal

KINDS: dict[int, type[Refusal]] = {500: Refusal, **{kind.status: kind for kind in Refusal.__subclasses__()}}
#: The headers that these statuses have, and no other status.
HEADERS = {401: {"www-authenticate"}, 405: {"allow"}, 429: {"retry-after"}, 503: {"retry-after"}}
BULK = "/v1/datasets/local/texts/registrations?origin=human"


def check(answer: httpx2.Response, status: int, where: str | None = None) -> str:
    """Assert the shape of a problem and, if `where` is given, that an error names it. Returns the detail."""
    problem = answer.json()
    assert answer.status_code == status, problem
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem.keys() == {"type", "title", "status", "detail", "instance", "errors"}
    kind = KINDS[status]
    assert (problem["type"], problem["title"]) == (f"urn:firsthand:problem:{kind.slug}", kind.title)
    assert problem["status"] == status
    assert problem["instance"] == answer.request.url.path
    assert len(problem["detail"]) > 10
    assert all(error.keys() == {"where", "message"} for error in problem["errors"])
    assert where in [error["where"] for error in problem["errors"]] or where is None
    assert set().union(*HEADERS.values()) & answer.headers.keys() == HEADERS.get(status, set())
    assert answer.headers["x-request-id"]
    return str(problem["detail"])


def connected(url: str) -> socket.socket:
    """A connection to a registry."""
    address = urlsplit(url)
    return socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=PATIENCE_SECONDS)


def head(api_key: str, path: str, media: str, length: int | None = None, **headers: str) -> bytes:
    """The head of a POST request. Without a length, the body comes in chunks."""
    size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    more = (f"{name.replace('_', '-')}: {value}" for name, value in headers.items())
    own = ("Host: registry", f"Authorization: Bearer {api_key}", f"Content-Type: {media}", size)
    return "\r\n".join([f"POST {path} HTTP/1.1", *own, *more, "", ""]).encode()


def chunk(content: bytes) -> bytes:
    """A chunk of a body whose length was not stated."""
    return f"{len(content):x}\r\n".encode() + content + b"\r\n"


def samples(client: httpx2.Client, name: str) -> dict[tuple[str, ...], float]:
    """The samples of a metric by their labels' values, these in the order of the labels' names."""
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain")
    families = text_string_to_metric_families(answer.text)
    own = [sample for family in families for sample in family.samples if sample.name == name]
    return {tuple(value for _, value in sorted(sample.labels.items())): sample.value for sample in own}
