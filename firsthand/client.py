"""The typed Python client: one method for each call of the API of a registry.

    with Client() as registry:
        registry.register("acme/web", texts, origin="model", model="acme/writer@1")
        share = registry.check(other_texts).counts()

Calls return the messages of `firsthand.schemas`. Verdicts and digests of many items are numpy arrays. Every call raises
`firsthand.errors.Unreachable` if no registry answers, and a `ProblemError` if the registry refuses the request.
"""

import os
import sys
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import httpx2
import numpy as np
from pydantic import BaseModel, ValidationError

from firsthand.core.digests import SIZE, Digests, Profile, to_bytes, to_text
from firsthand.core.media_types import ARROW, NDJSON, RAW
from firsthand.core.names import Kind, check_id, parse_dataset, parse_model
from firsthand.core.verdicts import Origin, PolicyName
from firsthand.errors import CredentialsError, Forbidden, InvalidArgument, NotUnderstood, SnapshotError, Withdrawn
from firsthand.files.inputs import REGISTER_BATCH, Digest, Digested, Item, Items, hash_both
from firsthand.http import credentials, lookup_result, request_bodies
from firsthand.http.bounded_answers import MAX_STREAM
from firsthand.http.lookup_result import Lookup
from firsthand.http.request_bodies import Column, Sizes
from firsthand.http.transport import MAX_TIMEOUT, Transport
from firsthand.schemas.corrections import Dispute, NewDispute, NewWithdrawal, Withdrawal
from firsthand.schemas.datasets import Dataset, NewDataset
from firsthand.schemas.explain import explain
from firsthand.schemas.items import MAX_LOOKUP, Lookups
from firsthand.schemas.items import Item as KnownItem
from firsthand.schemas.mixes import Change, Mix, NewMix, Recipe
from firsthand.schemas.models import Model, NewModel, TrainedOn
from firsthand.schemas.organizations import (
    DEFAULT_OVERLAP,
    IssuedKey,
    Key,
    NewKey,
    NewOrganization,
    NewRotation,
    Organization,
    Revocation,
    RotatedKey,
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
from firsthand.schemas.snapshots import DEFAULT_BITS, Bits, NewSnapshot, Requested, Snapshot, Summary
from firsthand.schemas.statements import Statement
from firsthand.schemas.statistics import History
from firsthand.snapshots import download

Message = TypeVar("Message", bound=BaseModel)

#: For look-ups with at least this number of items, Arrow is faster than JSON.
_ARROW_IS_FASTER = 500

#: The number of entries per page, for lists that can be long.
_LONG_PAGE = 1_000

#: Seconds between two requests while a snapshot is being built. The registry also waits before it answers.
_BUILDING_PAUSE = 1.0


class Client:
    """A connection to a registry.

    `url` and `api_key` default to FIRSTHAND_URL (or FIRSTHAND_PORT on this machine) and FIRSTHAND_API_KEY, then to the
    values that `firsthand login` stored, then to http://127.0.0.1:8734 without a key. After connection errors and the
    statuses 502, 503 and 504, a request is retried up to `retries` times, with growing pauses. If the registry has too
    many requests (429), a request waits as long as the registry says, up to `longest_wait` seconds in total. This wait
    does not count as a retry. `timeout` is in seconds, for each step (connect, send, receive). It defaults to
    FIRSTHAND_TIMEOUT, then to 60. Threads can share a client.

    The registry is not trusted: redirects are not followed, and answers are read only up to a limit.
    """

    def __init__(
        self,
        url: str | None = None,
        api_key: str | None = None,
        *,
        timeout: float | None = None,
        retries: int = 5,
        longest_wait: float = 600.0,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self.url, key = credentials.resolve(url, api_key)
        seconds = _timeout() if timeout is None else timeout
        self._arguments = (self.url, key, seconds, retries, longest_wait, transport)
        self._wire = Transport(
            self.url,
            key,
            timeout=seconds,
            retries=retries,
            longest_wait=longest_wait,
            transport=transport,
            key_description=credentials.describe_key(key, given=api_key is not None),
        )
        #: The number of items in all look-ups until now.
        self._looked_up = 0

    def __reduce__(self) -> tuple[Callable[..., "Client"], tuple[Any, ...]]:
        """Pickle the arguments, including the key. The copy in another process opens its own connections.

        Two pickles of a client are never equal. Engines such as Hugging Face `datasets` use the pickle of the arguments
        as the key of a cache. An answer from this cache could be old, because the verdicts of a registry change.
        """
        return _client, (*self._arguments, uuid.uuid4().bytes)

    def close(self) -> None:
        """Close the connections. A `with` block does this at its end."""
        self._wire.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    # The registry itself

    def health(self) -> bool:
        """Return whether the registry answers. This sends one request without retries, and never raises Unreachable."""
        return self._wire.answers("/healthz")

    def ready(self) -> bool:
        """Return whether the registry is ready: its database is reachable and migrated. This sends one request."""
        return self._wire.answers("/readyz")

    def position(self) -> int:
        """Return the position of the last statement in the log, 0 for an empty log.

        Pass this position as `as_of` to all calls of a long job, so that all calls see the same state. Needs the scope
        read.
        """
        return self.lookup(np.zeros((1, SIZE), dtype=np.uint8)).position

    def statistics(self, as_of: int | None = None, points: int = 0) -> History:
        """Return counts of standing claims by origin, generation, dataset and organization.

        `as_of` is the position, by default the last one. `points` is the maximum number of earlier positions for which
        counts are also returned.
        """
        return self._wire.ask(History, "GET", "/v1/statistics", params={"as_of": as_of, "points": points or None})

    def statements(self, after: int = 0) -> Iterator[Statement]:
        """Yield the statements of the log in order, beginning after the position `after`."""
        return self._wire.pages(Statement, "/v1/statements", limit=_LONG_PAGE, after=after)

    def statement(self, position: int) -> Statement:
        """Return the statement at a position."""
        return self._wire.ask(Statement, "GET", f"/v1/statements/{position:d}")

    # Organizations and keys

    def whoami(self) -> Key:
        """Return the key that this client uses, without its secret."""
        return self._wire.ask(Key, "GET", "/v1/keys/current")

    def create_organization(self, name: str, title: str = "") -> Organization:
        """Create an organization. Needs a key with the scope operator."""
        body = _checked(NewOrganization, name=name, title=title)
        return self._wire.ask(Organization, "POST", "/v1/organizations", body=body, idempotency_key=_once())

    def organizations(self) -> Iterator[Organization]:
        """Yield all organizations, by name."""
        return self._wire.pages(Organization, "/v1/organizations")

    def create_key(
        self,
        organization: str,
        name: str = "",
        scopes: Sequence[Scope] = ("read", "write"),
        expires_at: datetime | None = None,
    ) -> IssuedKey:
        """Create a key and return it with its secret. Store the secret, because the registry does not store it.

        Needs a key with the scope admin (for the client's own organization) or operator (for all organizations). If an
        answer is lost, a retry of this call returns the same key again.
        """
        expiry = {} if expires_at is None else {"expires_at": expires_at}
        body = _checked(NewKey, organization=organization, name=name, scopes=list(scopes), **expiry)
        return self._wire.ask(IssuedKey, "POST", "/v1/keys", body=body, idempotency_key=_once())

    def rotate_key(
        self, id: str, overlap: timedelta = timedelta(seconds=DEFAULT_OVERLAP), expires_at: datetime | None = None
    ) -> RotatedKey:
        """Replace a key by a new key with the same organization, name and scopes. Both are valid for `overlap`.

        Needs a key with the scope admin (for the client's own organization) or operator (for all organizations). If an
        answer is lost, a retry of this call returns the same key again.
        """
        body = _checked(NewRotation, overlap=int(overlap.total_seconds()), expires_at=expires_at)
        return self._wire.ask(
            RotatedKey, "POST", f"/v1/keys/{_id('key', id)}/rotations", body=body, idempotency_key=_once()
        )

    def keys(self) -> Iterator[Key]:
        """Yield keys without their secrets.

        With the scope admin, these are the keys of the client's own organization.

        With the scope operator, they are the keys of all organizations.
        """
        return self._wire.pages(Key, "/v1/keys")

    def revoke_key(self, id: str) -> Revocation:
        """Revoke a key: the registry refuses it from now on. Needs a key with the scope admin or operator."""
        return self._wire.ask(Revocation, "DELETE", f"/v1/keys/{_id('key', id)}", idempotency_key=_once())

    # Datasets and models

    def put_dataset(self, name: str, profile: Profile = "bytes-1", title: str = "") -> Dataset:
        """Create the dataset `org/name`, or return it if it exists. Raises Conflict if it exists with other values."""
        body = _checked(NewDataset, profile=profile, title=title)
        return self._wire.ask(Dataset, "PUT", _dataset_path(name), body=body)

    def dataset(self, name: str, *, once: bool = False) -> Dataset:
        """Return a dataset. Raises NotFound. With `once`, the request is not retried, and has a time limit of 5 s."""
        return self._wire.ask(Dataset, "GET", _dataset_path(name), once=once)

    def datasets(self) -> Iterator[Dataset]:
        """Yield all datasets, by name."""
        return self._wire.pages(Dataset, "/v1/datasets")

    def put_model(
        self,
        name: str,
        trained_on: Sequence[TrainedOn] = (),
        generation: int | None = None,
        served_from: datetime | None = None,
        title: str = "",
    ) -> Model:
        """Register the model `org/name@version`, and return it with its computed generation.

        `trained_on` is a list of mixes and datasets: `TrainedOn(mix=ID)`, `TrainedOn(dataset="acme/web", position=12)`.
        If the model exists with the same values, nothing changes. Raises Conflict if it exists with other values, and
        Refused if `generation` is not the computed generation.
        """
        body = _checked(
            NewModel, trained_on=list(trained_on), generation=generation, served_from=served_from, title=title
        )
        return self._wire.ask(Model, "PUT", _model_path(name), body=body)

    def model(self, name: str, *, once: bool = False) -> Model:
        """Return a model. Raises NotFound. With `once`, the request is not retried, and has a time limit of 5 s."""
        return self._wire.ask(Model, "GET", _model_path(name), once=once)

    def models(self) -> Iterator[Model]:
        """Yield all models, by name."""
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
        batch: int = REGISTER_BATCH,
        occasion: str = "",
        progress: Callable[[int], None] | None = None,
    ) -> list[Registered]:
        """Register the origin of items.

        Return one answer per registration: up to `batch` items are one registration.

        `firsthand.files.inputs` lists the types of items. Contents are hashed in this process, and only digests are
        sent. `profile` is the digest profile; by default, the client requests the profile of the dataset. `sizes` (for
        example in tokens) and `confidences` (0 to 255) have one entry per item. With `sizes="bytes"`, the contents are
        measured. `progress` is called after each registration with its number of items.

        If a call is interrupted, repeat it: a call with the same arguments registers nothing twice. Raises Withdrawn if
        registrations of an earlier call with the same arguments, or some of their items, were withdrawn. To register
        these items again, pass an `occasion` (any text) that was not used before.
        """
        statement = _checked(
            NewRegistration,
            origin=origin,
            model=model,
            evidence=evidence,
            collected_at=collected_at,
            generation=generation,
        )
        profile = profile or ("bytes-1" if isinstance(items, Digested) else self.dataset(dataset).profile)
        answers: list[Registered] = []
        head: int | None = None
        for body in request_bodies.bulk_bodies(items, profile, batch, sizes, confidences):
            head = self._head() if head is None else head
            answers.append(self._standing(self._register(dataset, statement, body, occasion), head))
            if progress is not None:
                progress(len(body.digests))
        return answers

    def _register(
        self, dataset: str, statement: NewRegistration, body: request_bodies.BulkBody, occasion: str
    ) -> Registered:
        content, content_type = body.encode()
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
        """Return the position of the last statement in the log. Return 0 if the key does not have the scope read.

        Such a key cannot read registrations either. With 0, `_standing` does not read them.
        """
        try:
            return self.position()
        except Forbidden:
            return 0

    def _standing(self, answer: Registered, head: int) -> Registered:
        """Return the present state of a registration. Raises Withdrawn if it, or some of its items, were withdrawn.

        If its position is after `head`, the registration is new. Otherwise `answer` is the stored answer to an earlier
        call. The state may have changed since that call, so it is requested again, with no new items.
        """
        if answer.id > head:
            return answer
        now = self.registration(answer.id)
        if now.withdrawn is not None or now.withdrawn_items:
            raise Withdrawn(answer.id, now.withdrawn, now.withdrawn_items)
        return answer.model_copy(update={"new": 0, "known": answer.items})

    def register_batch(self, statements: Sequence[NewStatement], occasion: str = "") -> list[Outcome]:
        """Make many small registrations. Return one outcome per statement, in order. An outcome can be a refusal.

        Up to 10,000 statements are one request and one transaction. A repeated call with the same arguments registers
        nothing twice and returns the same outcomes. To see whether a registration was withdrawn later, use
        `registration(id)`.
        """
        answers: list[Outcome] = []
        for start in range(0, len(statements), MAX_BATCH):
            content = request_bodies.lines(statements[start : start + MAX_BATCH])
            answers += self._wire.ask(
                Outcomes,
                "POST",
                "/v1/registrations:batch",
                content=content,
                content_type=NDJSON,
                idempotency_key=request_bodies.batch_key(content, occasion),
            ).outcomes
        return answers

    def registration(self, id: int) -> Registration:
        """Return the registration with this id, which is its position in the log. Raises NotFound."""
        return self._wire.ask(Registration, "GET", f"/v1/registrations/{id:d}")

    def registration_digests(self, id: int) -> Digests:
        """Return the sorted digests of a registration, `uint8[n, 32]`."""
        return _as_digests(self._wire.send("GET", f"/v1/registrations/{id:d}/digests"))

    def withdraw(self, statement: int, digests: Digests | None = None, reason: str = "") -> Withdrawal:
        """Withdraw a statement of your organization: a registration (or only its items `digests`) or a dispute."""
        body = _checked(NewWithdrawal, statement=statement, digests=_named(digests), reason=reason)
        return self._wire.ask(Withdrawal, "POST", "/v1/withdrawals", body=body, idempotency_key=_once())

    def dispute(self, registration: int, digests: Digests | None = None, reason: str = "") -> Dispute:
        """Dispute a registration of another organization, completely or only for the items `digests`."""
        body = _checked(NewDispute, registration=registration, digests=_named(digests), reason=reason)
        return self._wire.ask(Dispute, "POST", "/v1/disputes", body=body, idempotency_key=_once())

    # Verdicts

    def lookup(self, digests: Digests, policy: PolicyName = "strict", as_of: int | None = None) -> Lookup:
        """Return the verdicts on the items with these digests, `uint8[n, 32]`, in order.

        All are at the same position.
        """
        answers: list[Lookup] = []
        arrow = self._prefers_arrow(len(digests))
        for start in range(0, len(digests), MAX_LOOKUP):
            part = np.ascontiguousarray(digests[start : start + MAX_LOOKUP]).tobytes()
            params = {"policy": policy, "as_of": answers[0].position if answers else as_of}
            request: dict[str, Any] = {"params": params, "content": part, "content_type": RAW}
            if arrow:
                from firsthand.http import arrow_streams  # imports pyarrow, which small look-ups do not need

                content = self._wire.send("POST", "/v1/lookups", accept=ARROW, **request)
                answers.append(arrow_streams.read_lookup(content))
            else:
                answers.append(lookup_result.from_json(self._wire.ask(Lookups, "POST", "/v1/lookups", **request)))
        return lookup_result.concatenate(answers) if answers else lookup_result.all_unknown(0, policy, as_of or 0)

    def _prefers_arrow(self, items: int) -> bool:
        """Return whether Arrow is faster than JSON for this look-up.

        This is true for many items, if pyarrow is imported already, or if the client looks up so many items that the
        slow import is worthwhile.
        """
        self._looked_up += items
        return items >= _ARROW_IS_FASTER and ("pyarrow" in sys.modules or self._looked_up >= MAX_LOOKUP)

    def lookup_joined(
        self, profiles: Sequence[Digests], policy: PolicyName = "strict", as_of: int | None = None
    ) -> Lookup:
        """Return the verdicts on n items. `profiles` has one array of digests, `uint8[n, 32]`, per digest profile."""
        unique, indices = lookup_result.distinct(profiles)
        answer = self.lookup(unique, policy, as_of)
        return lookup_result.join([answer.take(rows) for rows in indices])

    def check(self, items: Sequence[Item], policy: PolicyName = "strict", as_of: int | None = None) -> Lookup:
        """Return the verdicts on the contents of items. A text is looked up under both digest profiles."""
        return self.lookup_joined(hash_both(items), policy, as_of)

    def item(self, digest: bytes | Digest, policy: PolicyName = "strict", as_of: int | None = None) -> KnownItem:
        """Return the verdict on one item, and all claims on it."""
        value = digest.value if isinstance(digest, Digest) else digest
        params = {"policy": policy, "as_of": as_of}
        return self._wire.ask(KnownItem, "GET", f"/v1/items/{to_text(value)}", params=params)

    # Mixes

    def create_mix(self, recipe: Recipe, dry_run: bool = False) -> Mix:
        """Create a mix. With `dry_run`, only count its items. Raises Refused if a part has too few items."""
        body = _checked(NewMix, **recipe.model_dump(exclude_unset=True), dry_run=dry_run)
        return self._wire.ask(Mix, "POST", "/v1/mixes", body=body)

    def mix(self, id: str) -> Mix:
        """Return a mix: its recipe, counts and digest. Raises NotFound."""
        return self._wire.ask(Mix, "GET", f"/v1/mixes/{_id('mix', id)}")

    def mix_digests(self, id: str, items: int | None = None) -> Iterator[Digests]:
        """Yield the digests of a mix, in the order of the mix, as arrays `uint8[k, 32]`.

        Only one array is in memory.

        `items` is the number of items in the mix, if it is known. Raises NotUnderstood if the registry sends more.
        """
        incomplete, limit = b"", MAX_STREAM if items is None else items * SIZE
        with self._wire.stream(f"/v1/mixes/{_id('mix', id)}/digests", limit=limit) as pieces:
            for piece in pieces:
                received = incomplete + piece
                end = len(received) // SIZE * SIZE
                incomplete = received[end:]
                yield _as_digests(received[:end])
        _as_digests(incomplete)

    def mix_file(self, id: str, media: str, limit: int = MAX_STREAM) -> Iterator[bytes]:
        """Yield the bytes of a file with the items of a mix, in the order of the mix.

        `media` is a media type other than JSON. All types except raw digests have the columns digest, part (its index,
        from 0), verdict and generation; and the column size, if the unit of the recipe is `size`. Raises NotUnderstood
        if the file has more than `limit` bytes.
        """
        with self._wire.stream(f"/v1/mixes/{_id('mix', id)}/digests", accept=media, limit=limit) as pieces:
            yield from pieces

    def mix_diff(self, id: str, as_of: int | None = None) -> Iterator[Change]:
        """Yield the items of a mix whose verdict has changed, and the items that would no longer be selected.

        The mix is compared with the position `as_of`, by default the last one. The recipe still holds if `admitted` is
        true in all changes.
        """
        return self._wire.lines(Change, f"/v1/mixes/{_id('mix', id)}/diff", as_of=as_of)

    # Snapshots

    def create_snapshot(
        self, policy: PolicyName = "strict", bits: Bits = DEFAULT_BITS, as_of: int | None = None
    ) -> Snapshot:
        """Build a snapshot in the registry, wait until it is ready, and return its manifest.

        Needs the scope operator.

        If the snapshot already exists, it is returned at once. If a call is interrupted, repeat it: the build continues
        in the registry.
        """
        while True:
            body = _checked(NewSnapshot, as_of=as_of, policy=policy, bits=bits)
            requested = self._wire.ask(Requested, "POST", "/v1/snapshots", body=body)
            if requested.ready:
                return self.snapshot(requested.id)
            as_of = requested.position
            time.sleep(_BUILDING_PAUSE)

    def snapshots(self) -> Iterator[Summary]:
        """Yield the snapshots that can be downloaded. The snapshot with the highest position is first."""
        return self._wire.pages(Summary, "/v1/snapshots")

    def snapshot(self, id: str) -> Snapshot:
        """Return the manifest of a snapshot. Raises NotFound."""
        return self._wire.ask(Snapshot, "GET", f"/v1/snapshots/{_id('snapshot', id)}")

    def pull_snapshot(
        self, folder: Path | str, id: str | None = None, progress: Callable[[int], None] = lambda _: None
    ) -> Snapshot:
        """Download a snapshot into `folder`, and return its manifest.

        Open it with `firsthand.Snapshot.open(folder)`.

        `id` is the id of the snapshot. By default, it is the snapshot with the highest position. If a download stops,
        repeat the call: it resumes. `progress` is called with the size in bytes of each shard. Raises SnapshotError if
        the folder contains other files, if a received file is damaged, or if the registry has no snapshot.
        """
        chosen = next((snapshot.id for snapshot in self.snapshots()), None) if id is None else id
        if chosen is None:
            raise SnapshotError(
                f"{self.url} has no snapshot yet. Its operator can build one with: firsthand snapshot create"
            )
        _id("snapshot", chosen)

        def fetch(path: str, limit: int) -> bytes:
            return self._wire.send("GET", f"/v1/snapshots/{chosen}{path}", limit=limit)

        return download.pull(fetch, chosen, Path(folder), progress)


def _timeout() -> float:
    """Return FIRSTHAND_TIMEOUT in seconds, or 60."""
    given = os.environ.get("FIRSTHAND_TIMEOUT") or "60"
    try:
        seconds = float(given)
    except ValueError:
        seconds = 0.0
    if not 0 < seconds <= MAX_TIMEOUT:
        raise CredentialsError(
            f"FIRSTHAND_TIMEOUT is {given!r}; set it to a number of seconds above 0 and up to {MAX_TIMEOUT:,.0f}, such"
            " as 60"
        )
    return seconds


def _client(
    url: str,
    key: str | None,
    timeout: float,
    retries: int,
    longest_wait: float,
    transport: httpx2.BaseTransport | None,
    nonce: bytes,
) -> Client:
    """Return a client from its pickled arguments. `nonce` is not used: it only makes each pickle different."""
    return Client(url, key, timeout=timeout, retries=retries, longest_wait=longest_wait, transport=transport)


def _checked(kind: type[Message], **fields: Any) -> Message:
    """Return a message of the class `kind`.

    Raises InvalidArgument, with a sentence for each field that is not valid.
    """
    try:
        return kind(**fields)
    except ValidationError as error:
        raise InvalidArgument(explain(error)) from None


def _once() -> str:
    """Return a new Idempotency-Key. All retries of one call send the same key, and no other call sends it."""
    return str(uuid.uuid4())


def _id(kind: Kind, id: str) -> str:
    """Return an id, which becomes a part of a path. Raises InvalidArgument if it has another form."""
    try:
        return check_id(kind, id)
    except ValueError as error:
        raise InvalidArgument(str(error)) from None


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
        raise NotUnderstood(
            f"The registry's answer ended in the middle of a digest ({len(content):,} bytes). Try again."
        )
    return np.frombuffer(content, dtype=np.uint8).reshape(-1, SIZE)
