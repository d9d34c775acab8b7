"""Readers and verifiers. They compare each response with the expected state."""

from collections.abc import Callable
from hashlib import sha256

import numpy as np

from benchmarks.hammer.check_log import CheckLog
from benchmarks.hammer.client import HammerClient
from benchmarks.hammer.expected_state import ExpectedRegistration, ExpectedState
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
#: Maximum number of attempts to download a mix. A kill of the server can interrupt each attempt.
_DOWNLOADS = 10


class BuiltMixes:
    """The mixes that readers have built. Verifiers download them, and the final checks compute them again."""

    def __init__(self) -> None:
        self.built: list[Mix] = []

    def choose(self, random: np.random.Generator) -> Mix | None:
        return self.built[int(random.integers(len(self.built)))] if self.built else None


class ReaderActor:
    """An actor that looks up batches, requests single items and builds mixes."""

    def __init__(
        self,
        client: HammerClient,
        state: ExpectedState,
        mixes: BuiltMixes,
        log: CheckLog,
        random: np.random.Generator,
    ) -> None:
        self._client, self._state, self._mixes = client, state, mixes
        self._log, self._random = log, random

    def act(self) -> None:
        """Make one random call."""
        acts: list[tuple[Callable[[], None], float]] = [(self._look_up, 0.5), (self._item, 0.4), (self._mix, 0.1)]
        acts[self._random.choice(len(acts), p=[share for _, share in acts])][0]()

    def _registration(self) -> ExpectedRegistration | None:
        """Return an acknowledged registration: in half of the calls the newest, otherwise a random one."""
        known = list(self._state.registrations.values())
        if not known:
            return None
        return known[-1] if self._random.random() < 0.5 else known[int(self._random.integers(len(known)))]

    def _look_up(self) -> None:
        """Look up registered digests and digests that were never sent, at the head of the log."""
        registration = self._registration()
        unregistered = self._random.integers(0, 256, (50, 32), dtype=np.uint8)
        digests = [*(sorted(registration.items)[:200] if registration else []), *map(bytes, unregistered)]
        newest = self._state.newest
        result = self._client.call("look up", lambda client: client.lookup(stack(digests)))
        if result is None:
            return
        self._check_position("a look-up", result.position, newest)
        visible = int((result.verdict[-len(unregistered) :] != 0).sum())
        detail = f"{visible} of {len(unregistered)} in a look-up"
        self._log.check("visible and never sent", not visible, detail, len(unregistered))

    def _item(self) -> None:
        registration = self._registration()
        if registration is None:
            return
        digest = min(registration.items) if self._random.random() < 0.5 else max(registration.items)
        item = self._client.call("item", lambda client: client.item(digest))
        if item is not None:
            claimed = registration.position in {claim.registration for claim in item.claims}
            detail = f"item {digest.hex()} of registration {registration.position}"
            self._log.check("acknowledged and missing", claimed, detail)

    def _mix(self) -> None:
        recipe = RECIPES[int(self._random.integers(len(RECIPES)))]
        recipe = recipe.model_copy(update={"seed": int(self._random.integers(1000))})
        newest = self._state.newest
        mix = self._client.call("mix", lambda client: client.create_mix(recipe))
        if mix is not None:
            self._check_position("a mix", mix.position, newest)
            self._mixes.built.append(mix)

    def _check_position(self, name: str, position: int, newest: int) -> None:
        """Check that a response is not older than `newest`, the last acknowledgement before the request."""
        detail = f"{name} at position {position}, after {newest} was acknowledged"
        self._log.check("response older than the last acknowledgement", position >= newest, detail)


class VerifierActor:
    """An actor that repeats requests of the readers later, on new connections, and checks verdicts."""

    def __init__(
        self,
        connect: Callable[[], HammerClient],
        state: ExpectedState,
        mixes: BuiltMixes,
        log: CheckLog,
        random: np.random.Generator,
    ) -> None:
        self._connect, self._state, self._mixes = connect, state, mixes
        self._log, self._random = log, random

    def act(self) -> None:
        """Make one random call."""
        client = self._connect()
        try:
            (self._verdicts, self._download, self._build_again)[int(self._random.integers(3))](client)
        finally:
            client.close()

    def _verdicts(self, client: HammerClient) -> None:
        """Check verdicts at a position up to which all statements are acknowledged."""
        known = list(self._state.registrations.values())
        if not known:
            return
        chosen = [known[int(index)] for index in self._random.integers(len(known), size=3)]
        position = self._state.frontier
        if self._random.random() >= 0.5:
            position = int(self._random.integers(position + 1))
        digests = sorted(set().union(*(registration.items for registration in chosen)))[:2_000]
        policy = "strict" if self._random.random() < 0.7 else "pessimistic"
        check_verdicts(client, self._state, self._log, digests, position, policy)

    def _download(self, client: HammerClient) -> None:
        mix = self._mixes.choose(self._random)
        if mix is not None:
            digest = client.call("download", lambda client: download_digest(client, str(mix.id)))
            if digest is not None:
                detail = f"mix {mix.id} was {mix.digest}, but the download is {digest}"
                self._log.check("mix differs from the expected mix", digest == mix.digest, detail)

    def _build_again(self, client: HammerClient) -> None:
        """Check that the same recipe at the same position gives the same mix."""
        mix = self._mixes.choose(self._random)
        if mix is not None:
            again = client.call("mix again", lambda client: client.create_mix(mix.recipe, dry_run=True))
            if again is not None:
                same = (again.digest, again.items) == (mix.digest, mix.items)
                self._log.check("mix differs from the expected mix", same, f"mix {mix.id}, built again")


def download_digest(client: Client, mix: str) -> str:
    """Download a mix and return the SHA-256 of its digests; start again if the download is interrupted."""
    for _ in range(_DOWNLOADS):
        hashed = sha256()
        try:
            for part in client.mix_digests(mix):
                hashed.update(part.tobytes())
        except errors.Unreachable:
            continue
        return f"sha256:{hashed.hexdigest()}"
    raise errors.Unreachable(f"the download of mix {mix} was interrupted {_DOWNLOADS} times")


def check_verdicts(
    client: HammerClient,
    state: ExpectedState,
    log: CheckLog,
    digests: list[bytes],
    position: int,
    policy: str = "strict",
) -> None:
    """Compare the verdicts and generations of distinct digests at a position with the expected state."""
    result = client.call("look up as of", lambda client: client.lookup(stack(digests), policy, position))  # type: ignore[arg-type]
    if result is None:
        return
    verdict, generation = state.claims(digests).judge(position, policy)
    wrong = np.flatnonzero((result.verdict != verdict) | (result.generation != generation))
    detail = ""
    if len(wrong):
        row = wrong[0]
        detail = (
            f"{len(wrong)} of {len(digests)} at {position} under {policy}; {digests[row].hex()} is"
            f" {result.verdict[row]}/{result.generation[row]}, expected {verdict[row]}/{generation[row]}"
        )
    log.check("verdict differs from the expected verdict", not len(wrong), detail, len(digests))
