"""A registry with data. For every attack, a new server is started on the same data."""

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice, product
from pathlib import Path

import numpy as np

from benchmarks.bare.inputs import random_digests, split
from benchmarks.harness import served_registry
from benchmarks.harness.bench import REGISTRATION, register_human, register_model, vacuum
from benchmarks.harness.served_registry import ServedRegistry
from benchmarks.harness.waiting import wait_until
from benchmarks.strangers.attack_target import AttackTarget
from firsthand import Client, Part, Recipe

#: The number of digests in the largest look-up.
_LARGEST_LOOK_UP = 100_000


class AttackedRegistry:
    """A database for the attacks: half of its items are human, half are model output.

    It also has keys of two organizations, a mix and snapshots.
    """

    def __init__(self, folder: Path, items: int, snapshots: int, database_url: str | None = None) -> None:
        """Create the database in `folder`, or in the empty PostgreSQL database at `database_url`."""
        self._folder, self._database_url = folder, database_url
        random = np.random.default_rng(0)
        with self.serve() as served, Client(served.url, served.api_key) as client:
            client.create_organization("other")
            client.put_dataset("local/d")
            client.put_model("local/m@1", generation=1)
            # before items are added: a long list of snapshots is measured, not their size
            positions = range(client.position() + 1)
            for position, policy, bits in islice(product(positions, ("strict", "pessimistic"), (28, 12)), snapshots):
                client.create_snapshot(policy, bits, position)  # type: ignore[arg-type]
            self._attacker_key = client.create_key("local", "attacker").key
            self.reader_key = client.create_key("other", "reader", ["read"]).key
            self.other_key = client.create_key("other", "writer").key
            with Client(served.url, self.other_key) as other:
                other.put_dataset("other/d")
            digests = random_digests(items, random)
            for part in split(digests, 2 * REGISTRATION):
                register_human(client, part[::2])
                register_model(client, part[1::2])
            mix = client.create_mix(Recipe(parts=[Part()])).id
        assert mix is not None
        self._mix = mix
        if database_url is not None:
            vacuum(database_url)
        registered = digests[: _LARGEST_LOOK_UP // 2]
        unknown = random_digests(len(registered), random)
        self._looked_up = np.concatenate([registered, unknown]).tobytes()

    @contextmanager
    def serve(self, workers: int = 1, **environment: str) -> Iterator[ServedRegistry]:
        """Serve the database with this number of workers until the `with` block ends.

        `environment` has additional environment variables for the server.
        """
        environment = {
            **environment,
            "FIRSTHAND_DATA_DIR": str(self._folder),
            "FIRSTHAND_CONFIG_DIR": str(self._folder),
            "FIRSTHAND_MIGRATE_ON_START": "true",
            "FIRSTHAND_LOG_FORMAT": "json",
        }
        if self._database_url is not None:
            environment["FIRSTHAND_DATABASE_URL"] = self._database_url
        with served_registry.serve(self._folder, "--workers", str(workers), **environment) as served:
            if workers > 1:
                served.wait_for_workers(workers)
            with Client(served.url) as client:
                wait_until(client.ready, "the server is ready")
            yield served

    def target(self, served: ServedRegistry) -> AttackTarget:
        """Return the data that the attackers use."""
        return AttackTarget(served.port, self._attacker_key, self._mix, self._looked_up)

    def looked_up(self, number: int) -> bytes:
        """Return `number` digests for a look-up, or all if there are fewer. Half of them are registered."""
        size = min(32 * number // 2, len(self._looked_up) // 2)
        return self._looked_up[:size] + self._looked_up[len(self._looked_up) - size :]
