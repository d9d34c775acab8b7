"""Readers and verifiers: each answer is held against the model, at a position below which all is known."""

from collections.abc import Callable
from hashlib import sha256

import numpy as np

from benchmarks.hammer.calls import Caller
from benchmarks.hammer.ledger import Ledger
from benchmarks.hammer.model import Model, Said
from firsthand import Client, Part, Recipe, errors
from firsthand.core.digests import stack
from firsthand.schemas.mixes import Mix

_MOSTLY_HUMAN = [Part(verdict_in=["human"], share=0.9), Part(generation_in=[1], share=0.1)]
_CONTESTED_FIRST = [Part(verdict_in=["contested"], size=200), Part(verdict_in=["human"], datasets=["local/b"])]
RECIPES = (
    Recipe(size=500, shortfall="shrink", parts=_MOSTLY_HUMAN),
    Recipe(policy="pessimistic", parts=[Part(verdict_in=["model"], datasets=["local/a", "other/b"])]),
    Recipe(shortfall="shrink", parts=_CONTESTED_FIRST),
    Recipe(shortfall="shrink", parts=[Part(generation_in=[2, 3], size=1000), Part(size=100)]),
)
#: How often a download is begun that a kill may break off.
_DOWNLOADS = 10


class Mixes:
    """Those that were built, to be downloaded by others and recomputed at the end."""

    def __init__(self) -> None:
        self.kept: list[Mix] = []

    def any(self, random: np.random.Generator) -> Mix | None:
        return self.kept[int(random.integers(len(self.kept)))] if self.kept else None


class Reader:
    """Looks up, asks for single items, builds mixes."""

    def __init__(self, caller: Caller, model: Model, mixes: Mixes, ledger: Ledger, random: np.random.Generator) -> None:
        self._caller, self._model, self._mixes = caller, model, mixes
        self._ledger, self._random = ledger, random

    def act(self) -> None:
        acts: list[tuple[Callable[[], None], float]] = [(self._look_up, 0.5), (self._item, 0.4), (self._mix, 0.1)]
        acts[self._random.choice(len(acts), p=[share for _, share in acts])][0]()

    def _registration(self) -> Said | None:
        """One that was acknowledged, the newest as often as all others together."""
        known = list(self._model.registrations.values())
        if not known:
            return None
        return known[-1] if self._random.random() < 0.5 else known[int(self._random.integers(len(known)))]

    def _look_up(self) -> None:
        """Known and never sent items at the head: the answer is no older than what was acknowledged before."""
        said = self._registration()
        never = self._random.integers(0, 256, (50, 32), dtype=np.uint8)
        asked = [*(sorted(said.items)[:200] if said else []), *map(bytes, never)]
        newest = self._model.newest
        found = self._caller.ask("look up", lambda client: client.lookup(stack(asked)))
        if found is None:
            return
        told = f"position {found.position}, and {newest} was acknowledged"
        self._ledger.check("answer older than what was acknowledged", found.position >= newest, told)
        seen = int((found.verdict[-len(never) :] != 0).sum())
        self._ledger.check("visible and never sent", not seen, f"{seen} of {len(never)} in a look-up", len(never))

    def _item(self) -> None:
        said = self._registration()
        if said is None:
            return
        digest = min(said.items) if self._random.random() < 0.5 else max(said.items)
        found = self._caller.ask("item", lambda client: client.item(digest))
        if found is not None:
            claimed = said.position in {claim.registration for claim in found.claims}
            self._ledger.check("acknowledged and missing", claimed, f"{digest.hex()} of {said.position}")

    def _mix(self) -> None:
        recipe = RECIPES[int(self._random.integers(len(RECIPES)))]
        recipe = recipe.model_copy(update={"seed": int(self._random.integers(1000))})
        newest = self._model.newest
        mix = self._caller.ask("mix", lambda client: client.create_mix(recipe))
        if mix is not None:
            told = f"a mix at {mix.position}, and {newest} was acknowledged"
            self._ledger.check("answer older than what was acknowledged", mix.position >= newest, told)
            self._mixes.kept.append(mix)


class Verifier:
    """Asks again, later and on a new connection, what others asked; and at the frontier what the model answers too."""

    def __init__(
        self, connect: Callable[[], Caller], model: Model, mixes: Mixes, ledger: Ledger, random: np.random.Generator
    ) -> None:
        self._connect, self._model, self._mixes = connect, model, mixes
        self._ledger, self._random = ledger, random

    def act(self) -> None:
        caller = self._connect()
        try:
            (self._verdicts, self._download, self._again)[int(self._random.integers(3))](caller)
        finally:
            caller.close()

    def _verdicts(self, caller: Caller) -> None:
        """At the frontier or anywhere below: as in the model."""
        known = list(self._model.registrations.values())
        if not known:
            return
        chosen = [known[int(i)] for i in self._random.integers(len(known), size=3)]
        at = (
            self._model.frontier
            if self._random.random() < 0.5
            else int(self._random.integers(self._model.frontier + 1))
        )
        asked = sorted(set().union(*(said.items for said in chosen)))[:2_000]
        check_verdicts(
            caller, self._model, self._ledger, asked, at, "strict" if self._random.random() < 0.7 else "pessimistic"
        )

    def _download(self, caller: Caller) -> None:
        mix = self._mixes.any(self._random)
        if mix is not None:
            digest = caller.ask("download", lambda client: downloaded(client, str(mix.id)))
            if digest is not None:
                told = f"mix {mix.id} was {mix.digest}, and is downloaded as {digest}"
                self._ledger.check("mix that differs from its recomputation", digest == mix.digest, told)

    def _again(self, caller: Caller) -> None:
        """The same recipe at the same position: the same mix."""
        mix = self._mixes.any(self._random)
        if mix is not None:
            again = caller.ask("mix again", lambda client: client.create_mix(mix.recipe, dry_run=True))
            if again is not None:
                same = (again.digest, again.items) == (mix.digest, mix.items)
                self._ledger.check("mix that differs from its recomputation", same, f"mix {mix.id}, built again")


def downloaded(client: Client, mix: str) -> str:
    """SHA-256 over a mix's items as they are streamed; one that breaks off is begun again."""
    for _ in range(_DOWNLOADS):
        hashed = sha256()
        try:
            for piece in client.mix_digests(mix):
                hashed.update(piece.tobytes())
        except errors.Unreachable:
            continue
        return f"sha256:{hashed.hexdigest()}"
    raise errors.Unreachable(f"mix {mix} broke off {_DOWNLOADS} times")


def check_verdicts(
    caller: Caller, model: Model, ledger: Ledger, digests: list[bytes], at: int, policy: str = "strict"
) -> None:
    """Verdict and generation of distinct digests at a position up to the frontier, as the model has them."""
    found = caller.ask("look up as of", lambda client: client.lookup(stack(digests), policy, at))  # type: ignore[arg-type]
    if found is None:
        return
    verdict, generation = model.claims(digests).judge(at, policy)
    wrong = np.flatnonzero((found.verdict != verdict) | (found.generation != generation))
    told = "" if not len(wrong) else (
        f"{len(wrong)} of {len(digests)} at {at} under {policy}, as {digests[wrong[0]].hex()}: "
        f"{found.verdict[wrong[0]]}/{found.generation[wrong[0]]}, not {verdict[wrong[0]]}/{generation[wrong[0]]}"
    )  # fmt: skip
    ledger.check("verdict that differs from the model", not len(wrong), told, len(digests))
