"""Writers: register, withdraw, dispute, and now and then what must be refused."""

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa

from benchmarks.hammer.calls import Caller
from benchmarks.hammer.ledger import Ledger
from benchmarks.hammer.model import Model, Said
from firsthand import Client, Digested, errors
from firsthand.core.digests import Digests, stack, to_bytes, to_text
from firsthand.schemas.registrations import NewStatement, Outcome, Registered

ARROW = "application/vnd.apache.arrow.stream"
#: Declared generations of the models; each organization's are its own.
MODELS = {"local/m@1": 1, "local/m@2": 2, "other/w@1": 3}
#: Items that all writers draw from: what one calls human another calls a model's.
_SHARED = np.random.default_rng(0).integers(0, 256, (5_000, 32), dtype=np.uint8)


class Writer:
    """One writer of one organization. Everything that it sends is drawn from its own generator."""

    def __init__(
        self, number: int, organization: str, caller: Caller, model: Model, ledger: Ledger, random: np.random.Generator
    ) -> None:
        self._number, self._organization, self._caller = number, organization, caller
        self._model, self._ledger, self._random = model, ledger, random
        self._models = [name for name in MODELS if name.startswith(organization)]
        self._mine: list[int] = []
        self._calls = 0

    def act(self) -> None:
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
        """Half the writer's own and new, half shared; sometimes one twice."""
        count = int(self._random.integers(1, most + 1))
        own = self._random.integers(0, 256, (count - count // 2, 32), dtype=np.uint8)
        return np.concatenate([own, _SHARED[self._random.integers(0, len(_SHARED), count // 2)]])

    def _origin(self) -> tuple[str, str | None]:
        origin = str(self._random.choice(["human", "model", "unstated"], p=[0.5, 0.4, 0.1]))
        return origin, str(self._random.choice(self._models)) if origin == "model" else None

    def _dataset(self) -> str:
        return f"{self._organization}/{self._random.choice(['a', 'b'])}"

    def _noted(self, position: int, dataset: str, origin: str, by: str | None, items: Digests) -> None:
        generation = MODELS[by] if by is not None else -1
        told = frozenset(to_bytes(items))
        self._model.registered(Said(position, self._organization, dataset, origin, generation, told))
        self._mine.append(position)

    # What writers do.

    def _register_raw(self) -> None:
        items, (origin, by), dataset = self._items(2_000), self._origin(), self._dataset()
        said: Any = {"origin": origin, "model": by}
        made = self._caller.ask(
            "register raw", lambda client: client.register(dataset, Digested(items), batch=len(items), **said)
        )
        if made is not None:
            self._noted(made[0].id, dataset, origin, by, items)

    def _register_arrow(self) -> None:
        items, (origin, by), dataset = self._items(2_000), self._origin(), self._dataset()
        columns = {
            "digest": pa.array(to_bytes(items), pa.binary(32)),
            "size": pa.array(np.ones(len(items), dtype=np.uint32)),
        }
        table, sink = pa.table(columns), pa.BufferOutputStream()
        with pa.ipc.new_stream(sink, table.schema) as stream:
            stream.write_table(table)
        path, said = f"/v1/datasets/{dataset}/registrations", {"origin": origin, "model": by}
        body = sink.getvalue().to_pybytes()
        answer = self._caller.ask("register arrow", lambda _: self._caller.send(path, body, ARROW, said, self._key()))
        if answer is not None:
            self._noted(Registered.model_validate_json(answer).id, dataset, origin, by, items)

    def _register_batch(self) -> None:
        statements, items = list[NewStatement](), list[Digests]()
        for _ in range(int(self._random.integers(1, 20))):
            (origin, by), drawn = self._origin(), stack(list(dict.fromkeys(to_bytes(self._items(10)))))
            texts = [to_text(digest) for digest in to_bytes(drawn)]
            statements.append(NewStatement(dataset=self._dataset(), origin=origin, model=by, digests=texts))
            items.append(drawn)
        made = self._caller.ask("register batch", lambda client: client.register_batch(statements))
        for outcome, each, drawn in zip(made or [], statements, items, strict=False):
            self._note(outcome, each, drawn)

    def _note(self, outcome: Outcome, each: NewStatement, drawn: Digests) -> None:
        said = f"in a batch: {outcome.refused}"
        self._ledger.check("call that was not understood or refused", outcome.id is not None, said)
        if outcome.id is not None:
            self._noted(outcome.id, each.dataset, each.origin, each.model, drawn)

    def _withdraw(self) -> None:
        """A registration of one's own, whole or some of its items; each only once."""
        if not self._mine:
            return
        position = self._mine.pop(int(self._random.integers(len(self._mine))))
        named = self._named(self._model.registrations[position].items) if self._random.random() < 0.5 else None
        made = self._caller.ask("withdraw", lambda client: client.withdraw(position, named))
        if made is not None:
            told = None if named is None else frozenset(to_bytes(named))
            self._model.withdrew(made.position, position, told)

    def _dispute(self) -> None:
        """A registration of another organization; a third of the disputes are taken back at once."""
        others = [said for said in list(self._model.registrations.values()) if said.organization != self._organization]
        if not others:
            return
        said = others[int(self._random.integers(len(others)))]
        named = self._named(said.items) if self._random.random() < 0.7 else None
        made = self._caller.ask("dispute", lambda client: _unless_withdrawn(client, said.position, named))
        if not made:
            return
        (position,) = made
        self._model.disputed(position, said.position, None if named is None else frozenset(to_bytes(named)))
        if self._random.random() < 0.3:
            back = self._caller.ask("withdraw", lambda client: client.withdraw(position))
            if back is not None:
                self._model.withdrew(back.position, position)

    def _named(self, items: frozenset[bytes]) -> Digests:
        every = sorted(items)
        return stack([every[i] for i in self._random.permutation(len(every))[: max(len(every) // 10, 1)]])

    def _refused(self) -> None:
        """A body that ends in the middle of a digest: nothing of it may ever be seen."""
        items, path = self._items(200), f"/v1/datasets/{self._dataset()}/registrations"
        own = items[: len(items) - len(items) // 2]
        body, key = own.tobytes() + b"x", self._key()

        def send(_: Client) -> bool:
            try:
                self._caller.send(path, body, "application/octet-stream", {"origin": "human"}, key)
            except errors.Refused:
                return True
            return False

        refused = self._caller.ask("refused", send)
        if refused is not None:
            self._ledger.check("visible and never sent", refused, "a broken body was not refused")
            found = self._caller.ask("look up", lambda client: client.lookup(own))
            if found is not None:
                seen = int((found.verdict != 0).sum())
                self._ledger.check("visible and never sent", not seen, f"{seen} items of a refused body", len(own))

    def _key(self) -> str:
        return f"{self._number}-{self._calls}-{time.monotonic_ns()}"


def _unless_withdrawn(client: Client, position: int, named: Digests | None) -> list[int]:
    """The position of a dispute; none where the registration was taken back meanwhile."""
    try:
        return [client.dispute(position, named).position]
    except errors.Conflict:
        return []
