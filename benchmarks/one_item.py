"""One item at a time from 32 places at once: by a Recorder, in batches of statements, and singly.

    python -m benchmarks.one_item [--database sqlite|postgresql]

Client and server are on one machine. A rate is of items acknowledged by the registry, from the first add to the last
answer. A Recorder makes one registration of what has gathered; a batch has a registration for each item.
"""

import argparse
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

from benchmarks.serving import postgresql, served
from firsthand import Client, Recorder
from firsthand.digests import digest_text, to_text
from firsthand.schemas.registrations import NewStatement

CONNECTIONS = 32


def text(place: int, number: int) -> str:
    return f"Answer {number} of place {place}: " + "patterns that an engine weaves, " * 8


def in_batches(client: Client, place: int, count: int) -> None:
    """Bodies of 300 statements: under 64 KiB, so that they need no place among the bulk bodies."""
    digests = [to_text(digest_text(text(place, number))) for number in range(count)]
    said = {"dataset": "local/d", "origin": "model", "model": "local/m@1"}
    statements = [NewStatement.model_validate({**said, "digests": [digest]}) for digest in digests]
    for start in range(0, count, 300):
        assert all(done.refused is None for done in client.register_batch(statements[start : start + 300]))


def singly(client: Client, place: int, count: int) -> None:
    for number in range(count):
        client.register("local/d", [text(place, number)], origin="model", model="local/m@1", profile="text-1")


def rate(count: int, work: Callable[[int], object], finish: Callable[[], object] = lambda: None) -> float:
    """Items a second that 32 places get registered, `count` each."""
    start = time.perf_counter()
    with ThreadPoolExecutor(CONNECTIONS) as pool:
        list(pool.map(work, range(CONNECTIONS)))
    finish()
    return CONNECTIONS * count / (time.perf_counter() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    database = parser.parse_args().database
    with ExitStack() as stack:
        client, _ = stack.enter_context(served(stack.enter_context(postgresql()) if database == "postgresql" else None))
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        client.put_model("local/m@1", generation=1)
        client.put_dataset("local/d", profile="text-1")
        said: dict[str, Any] = {"model": "local/m@1", "dataset": "local/d", "spool": folder, "seconds": 0.5}
        recorder = Recorder(client, **said)

        def add(place: int) -> None:
            for number in range(5_000):
                recorder.add(text(place, number))

        recorded = rate(5_000, add, lambda: recorder.close(300.0))
        assert recorder.counts.sent == CONNECTIONS * 5_000, recorder.counts
        batched = rate(900, lambda place: in_batches(client, 100 + place, 900))
        single = rate(20, lambda place: singly(client, 200 + place, 20))
        print(f"{database}, {CONNECTIONS} connections, items a second")
        print(f"  a Recorder for all     {recorded:10,.0f}")
        print(f"  batches of 300         {batched:10,.0f}")
        print(f"  posted singly          {single:10,.0f}")


if __name__ == "__main__":
    main()
