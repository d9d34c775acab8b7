"""The checks after the load: the whole log, all registrations, all mixes, all verdicts."""

import numpy as np

from benchmarks.hammer.check_log import CheckLog
from benchmarks.hammer.client import HammerClient
from benchmarks.hammer.expected_state import NEVER, ExpectedState, expected_mix
from benchmarks.hammer.readers import BuiltMixes, check_verdicts, download_digest
from firsthand import Part, Recipe, errors
from firsthand.core.digests import to_bytes

_LOOKUP_BATCH = 50_000
_DOWNLOADS = 50


def check_all(
    client: HammerClient, state: ExpectedState, mixes: BuiltMixes, log: CheckLog, random: np.random.Generator
) -> None:
    """Compare the whole registry with the expected state."""
    _check_positions(client, state, log)
    _check_registrations(client, state, log)
    digests, head = state.all_digests(), state.frontier
    for position, policy in ((head, "strict"), (head, "pessimistic"), (head // 2, "strict")):
        for start in range(0, len(digests), _LOOKUP_BATCH):
            check_verdicts(client, state, log, digests[start : start + _LOOKUP_BATCH], position, policy)
    _check_mixes(client, state, mixes, log, random)


def _check_positions(client: HammerClient, state: ExpectedState, log: CheckLog) -> None:
    """Check that the positions are 1, 2, 3, …, and that the log has exactly the acknowledged statements."""
    positions = [statement.position for statement in client.client.statements()]
    in_order = positions == list(range(1, len(positions) + 1))
    name = "gaps or unknown statements in the log"
    log.check(name, in_order, f"{len(positions)} statements, not in order", len(positions))
    lost, unknown = set(state.positions) - set(positions), set(positions) - set(state.positions)
    log.check("acknowledged and missing", not lost, f"statements {sorted(lost)[:10]}", len(positions))
    log.check(name, not unknown, f"statements {sorted(unknown)[:10]} were never acknowledged")


def _check_registrations(client: HammerClient, state: ExpectedState, log: CheckLog) -> None:
    """Check that each registration has exactly the items that were sent, and that the number of claims is right."""
    for registration in list(state.registrations.values()):
        try:
            held = set(to_bytes(client.client.registration_digests(registration.position)))
        except errors.NotFound:
            held = set()
        detail = f"registration {registration.position}"
        log.check("acknowledged and missing", registration.items <= held, detail, len(registration.items))
        log.check("visible and never sent", held <= registration.items, detail)
    claims = client.client.statistics().now.claims
    standing = sum(
        len(registration.items) - len(registration.items_withdrawn)
        for registration in state.registrations.values()
        if registration.withdrawn == NEVER
    )
    detail = f"the registry counts {claims} claims, but {standing} were sent and not withdrawn"
    log.check("visible and never sent", claims <= standing, detail)
    log.check("acknowledged and missing", claims >= standing, detail)


def _check_mixes(
    client: HammerClient, state: ExpectedState, mixes: BuiltMixes, log: CheckLog, random: np.random.Generator
) -> None:
    """Compare each mix that was built, and a mix of all items, with the expected mix; download some mixes again."""
    name, claims = "mix differs from the expected mix", state.claims(state.all_digests())
    everything = client.client.create_mix(Recipe(seed=1, parts=[Part()]))
    for mix in [*mixes.built, everything]:
        expected = expected_mix(claims, mix.recipe, mix.position)
        detail = f"mix {mix.id} at {mix.position}: {mix.items} items and {mix.digest}, expected {expected}"
        log.check(name, (mix.items, mix.digest) == expected, detail)
    for index in random.permutation(len(mixes.built))[:_DOWNLOADS]:
        mix = mixes.built[int(index)]
        digest = download_digest(client.client, str(mix.id))
        log.check(name, digest == mix.digest, f"mix {mix.id}, downloaded after the load")
