"""What is looked at once the load is over: the whole log, every registration, every mix, every verdict."""

import numpy as np

from benchmarks.hammer.calls import Caller
from benchmarks.hammer.ledger import Ledger
from benchmarks.hammer.model import Model, draw
from benchmarks.hammer.readers import Mixes, check_verdicts, downloaded
from firsthand import Part, Recipe, errors
from firsthand.core.digests import to_bytes

_LOOK_UP = 50_000
_DOWNLOADS = 50


def check_all(caller: Caller, model: Model, mixes: Mixes, ledger: Ledger, random: np.random.Generator) -> None:
    _positions(caller, model, ledger)
    _registrations(caller, model, ledger)
    everything = model.everything()
    head = model.frontier
    for at, policy in ((head, "strict"), (head, "pessimistic"), (head // 2, "strict")):
        for start in range(0, len(everything), _LOOK_UP):
            check_verdicts(caller, model, ledger, everything[start : start + _LOOK_UP], at, policy)
    _mixes(caller, model, mixes, ledger, random)


def _positions(caller: Caller, model: Model, ledger: Ledger) -> None:
    """The log is 1, 2, 3, … and each of it was acknowledged to somebody: none is lost, and none was written twice."""
    log = [statement.position for statement in caller.client.statements()]
    name = "positions with gaps or unknown statements"
    ledger.check(name, log == list(range(1, len(log) + 1)), f"{len(log)} statements, not in order", len(log))
    lost, unknown = set(model.positions) - set(log), set(log) - set(model.positions)
    ledger.check("acknowledged and missing", not lost, f"statements {sorted(lost)[:10]}", len(log))
    ledger.check(name, not unknown, f"nobody was told of {sorted(unknown)[:10]}")


def _registrations(caller: Caller, model: Model, ledger: Ledger) -> None:
    """Each holds exactly what was sent; and together the registry holds as many items as were sent."""
    for said in list(model.registrations.values()):
        held = _held(caller, said.position)
        told = f"registration {said.position}"
        ledger.check("acknowledged and missing", said.items <= held, told, len(said.items))
        ledger.check("visible and never sent", held <= said.items, told)
    claims = caller.client.statistics().now.claims
    standing = sum(
        len(said.items) - len(said.items_withdrawn) for said in model.registrations.values() if said.withdrawn > 2**61
    )
    ledger.check("visible and never sent", claims <= standing, f"{claims} claims stand, {standing} were sent")
    ledger.check("acknowledged and missing", claims >= standing, f"{claims} claims stand, {standing} were sent")


def _held(caller: Caller, position: int) -> set[bytes]:
    try:
        return set(to_bytes(caller.client.registration_digests(position)))
    except errors.NotFound:
        return set()


def _mixes(caller: Caller, model: Model, mixes: Mixes, ledger: Ledger, random: np.random.Generator) -> None:
    name, claims = "mix that differs from its recomputation", model.claims(model.everything())
    whole = caller.client.create_mix(Recipe(seed=1, parts=[Part()]))
    for mix in [*mixes.kept, whole]:
        expected = draw(claims, mix.recipe, mix.position)
        told = f"mix {mix.id} at {mix.position}: {mix.items} items and {mix.digest}, not {expected}"
        ledger.check(name, (mix.items, mix.digest) == expected, told)
    for place in random.permutation(len(mixes.kept))[:_DOWNLOADS]:
        mix = mixes.kept[int(place)]
        ledger.check(name, downloaded(caller.client, str(mix.id)) == mix.digest, f"mix {mix.id}, at the end")
