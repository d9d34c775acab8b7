"""The typed client: every call of a registry.

    with Client() as registry:
        registry.register("acme/web", texts, origin="model", model="acme/writer@1")
        share = registry.check(other_texts).counts()

Answers are the messages of `firsthand.schemas`; many verdicts and many digests are numpy columns. Every call raises
`firsthand.errors.Unreachable` when nobody answers and a `ProblemError` when the registry refuses.
"""

import os
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2
import numpy as np

from firsthand.core.digests import SIZE, Digests, Profile, to_bytes, to_text
from firsthand.core.media_types import ARROW, RAW
from firsthand.core.names import parse_dataset, parse_model
from firsthand.core.verdicts import Origin, PolicyName
from firsthand.errors import CredentialsError, Forbidden, NotUnderstood, SnapshotError, Withdrawn
from firsthand.files.inputs import Digest, Digested, Item, Items, hash_both
from firsthand.http import credentials, lookup_result, request_bodies
from firsthand.http.lookup_result import Lookup
from firsthand.http.request_bodies import Column, Sizes
from firsthand.http.transport import Transport
from firsthand.schemas.corrections import Dispute, NewDispute, NewWithdrawal, Withdrawal
from firsthand.schemas.datasets import Dataset, NewDataset
from firsthand.schemas.items import MAX_LOOKUP, Lookups
from firsthand.schemas.items import Item as KnownItem
from firsthand.schemas.mixes import Change, Mix, NewMix, Recipe
from firsthand.schemas.models import Model, NewModel, TrainedOn
from firsthand.schemas.organizations import (
    IssuedKey,
    Key,
    NewKey,
    NewOrganization,
    Organization,
    Revocation,
    Scope,
)
from firsthand.schemas.registrations import (
    MAX_BATCH,
    Evidence,
    NewRegistration,
    NewStatement,
    Outcome,
    Outcomes,
    Registered,
    Registration,
)
from firsthand.schemas.snapshots import Bits, NewSnapshot, Requested, Snapshot, Summary
from firsthand.schemas.statements import Statement
from firsthand.schemas.statistics import History
from firsthand.snapshots import download

#: From so many verdicts on, Arrow is read more quickly than JSON.
_MANY = 500

#: Entries asked for at once where a list may be long.
_LONG_PAGE = 1_000

#: Seconds between two questions whether a snapshot is ready; the registry itself waits a little before it answers.
_BUILDING_PAUSE = 1.0


class Client:
    """A registry, to be asked and told.

    `url` and `api_key` default to FIRSTHAND_URL and FIRSTHAND_API_KEY, then to what `firsthand login` stored, then to
    http://127.0.0.1:8734 without a key. Connection errors and 502, 503, 504 are retried `retries` times with growing
    pauses; `timeout` is in seconds, for each connecting, sending and receiving, and defaults to FIRSTHAND_TIMEOUT, then
    to a minute. Threads may share a client.
    """

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: float | None = None,
        retries: int = 5,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self.url, key = credentials.resolve(url, api_key)
        seconds = _timeout() if timeout is None else timeout
        self._again = (self.url, key, seconds, retries, transport)
        self._wire = Transport(self.url, key, timeout=seconds, retries=retries, transport=transport)
        self._asked = 0

    def __reduce__(self) -> tuple[Callable[..., "Client"], tuple[Any, ...]]:
        """A copy in another process has the same key, and connections of its own."""
        return _client, self._again

    def close(self) -> None:
        """Give back the connections. A `with` block does so by itself."""
        self._wire.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    # The registry itself

    def health(self) -> bool:
        """Whether the registry is alive. Asked once; never raises for a registry that is not."""
        return self._wire.answers("/healthz")

    def ready(self) -> bool:
        """Whether it can work: its database is reachable and migrated."""
        return self._wire.answers("/readyz")

    def position(self) -> int:
        """The position of the log's head, by the smallest of look-ups: what to ask all parts of a long job `as_of`."""
        return self.lookup(np.zeros((1, SIZE), dtype=np.uint8)).position

    def statistics(self, as_of: int | None = None, points: int = 0) -> History:
        """Standing claims by origin, generation, dataset and organization, and at up to `points` earlier positions."""
        return self._wire.ask(History, "GET", "/v1/statistics", params={"as_of": as_of, "points": points or None})

    def statements(self, after: int = 0) -> Iterator[Statement]:
        """The log in its order, from the statement after position `after`."""
        return self._wire.pages(Statement, "/v1/statements", limit=_LONG_PAGE, after=after)

    def statement(self, position: int) -> Statement:
        """The statement at a position."""
        return self._wire.ask(Statement, "GET", f"/v1/statements/{position:d}")

    # Who speaks

    def whoami(self) -> Key:
        """The key that this client speaks with."""
        return self._wire.ask(Key, "GET", "/v1/keys/current")

    def create_organization(self, name: str, title: str = "") -> Organization:
        """Scope admin."""
        body = NewOrganization(name=name, title=title)
        return self._wire.ask(Organization, "POST", "/v1/organizations", body=body, idempotency_key=_once())

    def organizations(self) -> Iterator[Organization]:
        return self._wire.pages(Organization, "/v1/organizations")

    def create_key(self, organization: str, name: str = "", scopes: Sequence[Scope] = ("read", "write")) -> IssuedKey:
        """A new key; its secret is in this answer and nowhere else. Scope admin.

        No registry keeps a secret to answer it again: should the answer be lost and the call be retried, the first
        key stays behind in `keys`, known to nobody.
        """
        body = NewKey(organization=organization, name=name, scopes=list(scopes))
        return self._wire.ask(IssuedKey, "POST", "/v1/keys", body=body)

    def keys(self) -> Iterator[Key]:
        return self._wire.pages(Key, "/v1/keys")

    def revoke_key(self, id: str) -> Revocation:
        """From its position on, the key opens nothing."""
        return self._wire.ask(Revocation, "DELETE", f"/v1/keys/{id}", idempotency_key=_once())

    # Datasets and models

    def put_dataset(self, name: str, profile: Profile = "bytes-1", title: str = "") -> Dataset:
        """Create the dataset `org/name`; the same again changes nothing, anything else raises Conflict."""
        body = NewDataset(profile=profile, title=title)
        return self._wire.ask(Dataset, "PUT", _dataset_path(name), body=body)

    def dataset(self, name: str) -> Dataset:
        return self._wire.ask(Dataset, "GET", _dataset_path(name))

    def datasets(self) -> Iterator[Dataset]:
        return self._wire.pages(Dataset, "/v1/datasets")

    def put_model(
        self,
        name: str,
        trained_on: Sequence[TrainedOn] = (),
        generation: int | None = None,
        served_from: datetime | None = None,
        title: str = "",
    ) -> Model:
        """Register the model `org/name@version`; the answer holds its computed generation.

        The same again changes nothing, anything else raises Conflict; Refused where `generation` contradicts.
        """
        body = NewModel(trained_on=list(trained_on), generation=generation, served_from=served_from, title=title)
        return self._wire.ask(Model, "PUT", _model_path(name), body=body)

    def model(self, name: str) -> Model:
        return self._wire.ask(Model, "GET", _model_path(name))

    def models(self) -> Iterator[Model]:
        return self._wire.pages(Model, "/v1/models")

    # Registrations

    def register(
        self,
        dataset: str,
        items: Items,
        *,
        origin: Origin,
        model: str | None = None,
        evidence: Evidence = "declared",
        collected_at: datetime | None = None,
        generation: int | None = None,
        sizes: Sizes | None = None,
        confidences: Column | None = None,
        profile: Profile | None = None,
        batch: int = 50_000,
        occasion: str = "",
        progress: Callable[[int], None] | None = None,
    ) -> list[Registered]:
        """Say where items come from; `firsthand.files.inputs` says what an item may be.

        Contents are hashed here under the dataset's profile (asked of the registry unless given) and never leave the
        machine. Each `batch` of items is one registration, and `progress` is told its length when it stands. Running
        the same register again adds nothing, so one that broke off is just run again. Where a registration of the
        first time, or items of it, were withdrawn since, that raises Withdrawn; an `occasion` registers anew. `sizes`
        (tokens, say; "bytes" measures contents as they are read) and `confidences` (0 to 255) have one entry an item.
        """
        statement = NewRegistration(
            origin=origin, model=model, evidence=evidence, collected_at=collected_at, generation=generation
        )
        hashed = profile or ("bytes-1" if isinstance(items, Digested) else self.dataset(dataset).profile)
        answers: list[Registered] = []
        head: int | None = None
        for part in request_bodies.batches(items, hashed, batch, sizes, confidences):
            head = self._head() if head is None else head
            answers.append(self._standing(self._register(dataset, statement, part, occasion), head))
            if progress is not None:
                progress(len(part.digests))
        return answers

    def _register(
        self, dataset: str, statement: NewRegistration, part: request_bodies.Batch, occasion: str
    ) -> Registered:
        content, content_type = part.body()
        return self._wire.ask(
            Registered,
            "POST",
            _dataset_path(dataset) + "/registrations",
            params=statement.model_dump(mode="json"),
            content=content,
            content_type=content_type,
            idempotency_key=request_bodies.idempotency_key(dataset, statement, content, occasion),
        )

    def _head(self) -> int:
        """The position of the log's head; 0 for a key that may not read.

        It cannot ask what became of a registration either.
        """
        try:
            return self.position()
        except Forbidden:
            return 0

    def _standing(self, answer: Registered, head: int) -> Registered:
        """An answer that stands. Raises Withdrawn.

        What was registered after `head` is new, since positions only grow; only an answer from before it was stored
        with an earlier call, says what stood then, and needs to be asked for again. Nothing of it is new now.
        """
        if answer.id > head:
            return answer
        now = self.registration(answer.id)
        if now.withdrawn is not None or now.withdrawn_items:
            raise Withdrawn(answer.id, now.withdrawn, now.withdrawn_items)
        return answer.model_copy(update={"new": 0, "known": answer.items})

    def register_batch(self, statements: Sequence[NewStatement], occasion: str = "") -> list[Outcome]:
        """Register many small statements at once; each has its own answer, in order, also where it is refused.

        Up to 10,000 are one request and one transaction. The same statements again add nothing and are answered as
        they were; whether one was taken back since, `registration(id)` says.
        """
        answers: list[Outcome] = []
        for start in range(0, len(statements), MAX_BATCH):
            content = request_bodies.lines(statements[start : start + MAX_BATCH])
            answers += self._wire.ask(
                Outcomes,
                "POST",
                "/v1/registrations:batch",
                content=content,
                content_type=request_bodies.NDJSON,
                idempotency_key=request_bodies.batch_key(content, occasion),
            ).outcomes
        return answers

    def registration(self, id: int) -> Registration:
        return self._wire.ask(Registration, "GET", f"/v1/registrations/{id:d}")

    def registration_digests(self, id: int) -> Digests:
        """The items of a registration, sorted: `uint8[n, 32]`."""
        return _as_digests(self._wire.send("GET", f"/v1/registrations/{id:d}/digests"))

    def withdraw(self, statement: int, digests: Digests | None = None, reason: str = "") -> Withdrawal:
        """Take back a registration of one's own, whole or of some items, or a dispute."""
        body = NewWithdrawal(statement=statement, digests=_named(digests), reason=reason)
        return self._wire.ask(Withdrawal, "POST", "/v1/withdrawals", body=body, idempotency_key=_once())

    def dispute(self, registration: int, digests: Digests | None = None, reason: str = "") -> Dispute:
        """Contest a registration, whole or of some items."""
        body = NewDispute(registration=registration, digests=_named(digests), reason=reason)
        return self._wire.ask(Dispute, "POST", "/v1/disputes", body=body, idempotency_key=_once())

    # Verdicts

    def lookup(self, digests: Digests, policy: PolicyName = "strict", as_of: int | None = None) -> Lookup:
        """The verdicts on `uint8[n, 32]`, in order and all at one position, however many requests that takes."""
        answers: list[Lookup] = []
        columns = self._as_columns(len(digests))
        for start in range(0, len(digests), MAX_LOOKUP):
            part = np.ascontiguousarray(digests[start : start + MAX_LOOKUP]).tobytes()
            params = {"policy": policy, "as_of": answers[0].position if answers else as_of}
            asked: dict[str, Any] = {"params": params, "content": part, "content_type": RAW}
            if columns:
                answers.append(lookup_result.from_arrow(self._wire.send("POST", "/v1/lookups", accept=ARROW, **asked)))
            else:
                answers.append(lookup_result.from_json(self._wire.ask(Lookups, "POST", "/v1/lookups", **asked)))
        return lookup_result.concatenate(answers) if answers else lookup_result.nothing(policy, as_of or 0)

    def _as_columns(self, asked: int) -> bool:
        """Whether so many verdicts are better read as Arrow: where it is imported, or so much is asked that it pays."""
        self._asked += asked
        return asked >= _MANY and ("pyarrow" in sys.modules or self._asked >= MAX_LOOKUP)

    def lookup_joined(
        self, profiles: Sequence[Digests], policy: PolicyName = "strict", as_of: int | None = None
    ) -> Lookup:
        """The verdicts on n items whose digests are given under several profiles, `uint8[n, 32]` each."""
        once, found = lookup_result.distinct(profiles)
        answer = self.lookup(once, policy, as_of)
        return lookup_result.join([answer.take(rows) for rows in found])

    def check(self, items: Sequence[Item], policy: PolicyName = "strict", as_of: int | None = None) -> Lookup:
        """The verdicts on contents: a text is asked under both digest profiles, and the answers joined."""
        return self.lookup_joined(hash_both(items), policy, as_of)

    def item(self, digest: bytes | Digest, policy: PolicyName = "strict", as_of: int | None = None) -> KnownItem:
        """All that is known of one item: who says what, why and since when."""
        value = digest.value if isinstance(digest, Digest) else digest
        params = {"policy": policy, "as_of": as_of}
        return self._wire.ask(KnownItem, "GET", f"/v1/items/{to_text(value)}", params=params)

    # Mixes

    def create_mix(self, recipe: Recipe, dry_run: bool = False) -> Mix:
        """Draw a mix, or only count it. Raises Refused, naming the part, where the recipe asks more than there is."""
        body = NewMix(**recipe.model_dump(exclude_unset=True), dry_run=dry_run)
        return self._wire.ask(Mix, "POST", "/v1/mixes", body=body)

    def mix(self, id: str) -> Mix:
        return self._wire.ask(Mix, "GET", f"/v1/mixes/{id}")

    def mix_digests(self, id: str) -> Iterator[Digests]:
        """A mix's items in its order, streamed as `uint8[k, 32]`: as much memory as a piece, not as the mix."""
        rest = b""
        with self._wire.stream(f"/v1/mixes/{id}/digests") as pieces:
            for piece in pieces:
                whole = len(rest + piece) // SIZE * SIZE
                content, rest = (rest + piece)[:whole], (rest + piece)[whole:]
                yield _as_digests(content)
        _as_digests(rest)

    def mix_file(self, id: str, media: str) -> Iterator[bytes]:
        """A mix's items in its order, in a form of `media_types` but JSON: the bytes of a file, piece by piece.

        But for raw digests they are columns: digest, part (from 0), verdict, generation; and size, where that is what
        the recipe counts.
        """
        with self._wire.stream(f"/v1/mixes/{id}/digests", accept=media) as pieces:
            yield from pieces

    def mix_diff(self, id: str, as_of: int | None = None) -> Iterator[Change]:
        """The items of a mix that are judged otherwise since, or that the part which took them admits no more.

        At the position `as_of`, the head if none is given. The mix's recipe holds if all are `admitted`.
        """
        return self._wire.lines(Change, f"/v1/mixes/{id}/diff", as_of=as_of)

    # Snapshots

    def create_snapshot(self, policy: PolicyName = "strict", bits: Bits = 12, as_of: int | None = None) -> Snapshot:
        """Have a snapshot built, however long that takes, and answer its manifest. Scope admin.

        One that is there already is answered at once; a call that was broken off goes on where the registry is.
        """
        while True:
            body = NewSnapshot(as_of=as_of, policy=policy, bits=bits)
            asked = self._wire.ask(Requested, "POST", "/v1/snapshots", body=body)
            if asked.ready:
                return self.snapshot(asked.id)
            as_of = asked.position
            time.sleep(_BUILDING_PAUSE)

    def snapshots(self) -> Iterator[Summary]:
        """The snapshots that can be pulled, that of the highest position first."""
        return self._wire.pages(Summary, "/v1/snapshots")

    def snapshot(self, id: str) -> Snapshot:
        """A snapshot's manifest."""
        return self._wire.ask(Snapshot, "GET", f"/v1/snapshots/{id}")

    def pull_snapshot(
        self, folder: Path | str, id: str | None = None, progress: Callable[[int], None] = lambda _: None
    ) -> Snapshot:
        """Make `folder` hold a snapshot, the newest where no `id` is given; `firsthand.Snapshot.open` reads it there.

        A pull that was broken off is just run again, and goes on. `progress` is told the bytes of each shard. Raises
        SnapshotError where the folder holds anything else, or what arrives is damaged.
        """
        newest = id or next((known.id for known in self.snapshots()), None)
        if newest is None:
            raise SnapshotError(f"{self.url} has no snapshot yet; its administrator: firsthand snapshot create")
        return download.pull(
            lambda path: self._wire.send("GET", f"/v1/snapshots/{newest}{path}"), Path(folder), progress
        )


def _timeout() -> float:
    """FIRSTHAND_TIMEOUT, or a minute."""
    given = os.environ.get("FIRSTHAND_TIMEOUT") or "60"
    try:
        return float(given)
    except ValueError:
        raise CredentialsError(f"FIRSTHAND_TIMEOUT is {given!r}, and seconds are wanted") from None


def _client(url: str, key: str | None, timeout: float, retries: int, transport: httpx2.BaseTransport | None) -> Client:
    return Client(url, key, timeout=timeout, retries=retries, transport=transport)


def _once() -> str:
    """The Idempotency-Key of one call: the same over its retries, never again after."""
    return str(uuid.uuid4())


def _dataset_path(name: str) -> str:
    dataset = parse_dataset(name)
    return f"/v1/datasets/{dataset.organization}/{dataset.name}"


def _model_path(name: str) -> str:
    model = parse_model(name)
    return f"/v1/models/{model.organization}/{model.name}/{model.version}"


def _named(digests: Digests | None) -> list[str] | None:
    return None if digests is None else [to_text(digest) for digest in to_bytes(digests)]


def _as_digests(content: bytes) -> Digests:
    if len(content) % SIZE:
        raise NotUnderstood(f"an answer of digests ended in the middle of one ({len(content)} bytes)")
    return np.frombuffer(content, dtype=np.uint8).reshape(-1, SIZE)
