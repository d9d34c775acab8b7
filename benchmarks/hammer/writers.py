"""Writers: they register, withdraw and dispute. Sometimes they send a body that the registry must refuse."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.hammer.check_log import CheckLog
from benchmarks.hammer.client import HammerClient
from benchmarks.hammer.expected_state import ExpectedRegistration, ExpectedState
from firsthand import Client, Digested, errors
from firsthand.core.digests import Digests, stack, to_bytes, to_text
from firsthand.core.media_types import ARROW
from firsthand.schemas.registrations import NewStatement, Registered

#: The generation of each model. A writer uses the models of its own organization.
MODELS = {"local/m@1": 1, "local/m@2": 2, "other/w@1": 3}
#: Items that all writers register, so that their claims contradict each other.
_SHARED = np.random.default_rng(0).integers(0, 256, (5_000, 32), dtype=np.uint8)


class WriterActor:
    """A writer of one organization. Its random generator determines all its requests."""

    def __init__(
        self,
        number: int,
        organization: str,
        client: HammerClient,
        state: ExpectedState,
        log: CheckLog,
        random: np.random.Generator,
    ) -> None:
        self._number, self._organization, self._client = number, organization, client
        self._state, self._log, self._random = state, log, random
        self._models = [name for name in MODELS if name.startswith(organization)]
        self._own_registrations: list[int] = []
        self._calls = 0

    def act(self) -> None:
        """Make one random call."""
        self._calls += 1
        acts: list[tuple[Callable[[], None], float]] = [
            (self._register_raw, 0.35),
            (self._register_arrow, 0.2),
            (self._register_batch, 0.2),
            (self._withdraw, 0.1),
            (self._dispute, 0.1),
            (self._refused, 0.05),
        ]
        acts[self._random.choice(len(acts), p=[share for _, share in acts])][0]()

    def _items(self, most: int) -> Digests:
        """Return at most `most` items: half new items of this writer, half shared items, possibly with duplicates."""
        count = int(self._random.integers(1, most + 1))
        own = self._random.integers(0, 256, (count - count // 2, 32), dtype=np.uint8)
        return np.concatenate([own, _SHARED[self._random.integers(0, len(_SHARED), count // 2)]])

    def _origin(self) -> tuple[str, str | None]:
        origin = str(self._random.choice(["human", "model", "unstated"], p=[0.5, 0.4, 0.1]))
        return origin, str(self._random.choice(self._models)) if origin == "model" else None

    def _dataset(self) -> str:
        return f"{self._organization}/{self._random.choice(['a', 'b'])}"

    def _acknowledged(self, position: int, dataset: str, origin: str, by: str | None, items: Digests) -> None:
        """Add an acknowledged registration to the expected state."""
        generation = MODELS[by] if by is not None else -1
        digests = frozenset(to_bytes(items))
        self._state.add_registration(
            ExpectedRegistration(position, self._organization, dataset, origin, generation, digests)
        )
        self._own_registrations.append(position)

    def _register_raw(self) -> None:
        items, (origin, by), dataset = self._items(2_000), self._origin(), self._dataset()
        statement: Any = {"origin": origin, "model": by}
        registered = self._client.call(
            "register raw", lambda client: client.register(dataset, Digested(items), batch=len(items), **statement)
        )
        if registered is not None:
            self._acknowledged(registered[0].id, dataset, origin, by, items)

    def _register_arrow(self) -> None:
        items, (origin, by), dataset = self._items(2_000), self._origin(), self._dataset()
        columns = {
            "digest": pa.array(to_bytes(items), pa.binary(32)),
            "size": pa.array(np.ones(len(items), dtype=np.uint32)),
        }
        table, sink = pa.table(columns), pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        path, params = f"/v1/datasets/{dataset}/registrations", {"origin": origin, "model": by}
        body = sink.getvalue().to_pybytes()
        response = self._client.call(
            "register arrow", lambda _: self._client.send(path, body, ARROW, params, self._key())
        )
        if response is not None:
            self._acknowledged(Registered.model_validate_json(response).id, dataset, origin, by, items)

    def _register_batch(self) -> None:
        statements, items = list[NewStatement](), list[Digests]()
        for _ in range(int(self._random.integers(1, 20))):
            (origin, by), drawn = self._origin(), stack(list(dict.fromkeys(to_bytes(self._items(10)))))
            texts = [to_text(digest) for digest in to_bytes(drawn)]
            statements.append(NewStatement(dataset=self._dataset(), origin=origin, model=by, digests=texts))
            items.append(drawn)
        outcomes = self._client.call("register batch", lambda client: client.register_batch(statements))
        for outcome, statement, drawn in zip(outcomes or [], statements, items, strict=False):
            detail = f"in a batch: {outcome.refused}"
            self._log.check("call refused or not answered", outcome.id is not None, detail)
            if outcome.id is not None:
                self._acknowledged(outcome.id, statement.dataset, statement.origin, statement.model, drawn)

    def _withdraw(self) -> None:
        """Withdraw one of the writer's own registrations, or some of its items. Each registration is used only once."""
        if not self._own_registrations:
            return
        position = self._own_registrations.pop(int(self._random.integers(len(self._own_registrations))))
        some = self._some(self._state.registrations[position].items) if self._random.random() < 0.5 else None
        withdrawal = self._client.call("withdraw", lambda client: client.withdraw(position, some))
        if withdrawal is not None:
            items = None if some is None else frozenset(to_bytes(some))
            self._state.add_withdrawal(withdrawal.position, position, items)

    def _dispute(self) -> None:
        """Dispute a registration of another organization, or some of its items. Withdraw some disputes at once."""
        others = [
            registration
            for registration in list(self._state.registrations.values())
            if registration.organization != self._organization
        ]
        if not others:
            return
        registration = others[int(self._random.integers(len(others)))]
        some = self._some(registration.items) if self._random.random() < 0.7 else None

        def dispute(client: Client) -> int | None:
            try:
                return client.dispute(registration.position, some).position
            except errors.Conflict:  # another writer has withdrawn the registration
                return None

        position = self._client.call("dispute", dispute)
        if position is None:
            return
        items = None if some is None else frozenset(to_bytes(some))
        self._state.add_dispute(position, registration.position, items)
        if self._random.random() < 0.3:
            withdrawal = self._client.call("withdraw", lambda client: client.withdraw(position))
            if withdrawal is not None:
                self._state.add_withdrawal(withdrawal.position, position)

    def _some(self, items: frozenset[bytes]) -> Digests:
        """Return a random tenth of the items, at least one."""
        ordered = sorted(items)
        chosen = self._random.permutation(len(ordered))[: max(len(ordered) // 10, 1)]
        return stack([ordered[index] for index in chosen])

    def _refused(self) -> None:
        """Send a body that ends in the middle of a digest. The registry must refuse it and store none of its items."""
        items, path = self._items(200), f"/v1/datasets/{self._dataset()}/registrations"
        own = items[: len(items) - len(items) // 2]
        body, key = own.tobytes() + b"x", self._key()

        def send(_: Client) -> bool:
            try:
                self._client.send(path, body, "application/octet-stream", {"origin": "human"}, key)
            except errors.Refused:
                return True
            return False

        refused = self._client.call("refused", send)
        if refused is not None:
            self._log.check("visible and never sent", refused, "an incomplete body was not refused")
            result = self._client.call("look up", lambda client: client.lookup(own))
            if result is not None:
                visible = int((result.verdict != 0).sum())
                self._log.check("visible and never sent", not visible, f"{visible} items of a refused body", len(own))

    def _key(self) -> str:
        return f"{self._number}-{self._calls}-{time.monotonic_ns()}"
