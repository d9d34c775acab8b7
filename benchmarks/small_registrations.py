"""Many small registrations against few large ones, of the same items: rates, look-ups, mixes, the service's memory.

    python -m benchmarks.small_registrations [--items 10000000] [--small 10] [--database sqlite|postgresql]

The small ones are sent by `Client.register_batch`, 1,000 a body; the large ones, 100 of them, by `Client.register`.
Each registry is a process of its own. Times are medians of five; memory is RssAnon over what it was when idle.
"""

import argparse
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import astuple, dataclass
from statistics import median

import numpy as np

from benchmarks.bare import postgresql
from benchmarks.memory import anonymous
from benchmarks.serving import served
from firsthand import Client, Digested, Part, Recipe
from firsthand.digests import Digests, to_bytes, to_text
from firsthand.schemas.registrations import NewStatement

_BODY = 1_000
_LARGE = 100
_ROUNDS = 5

#: What is measured, in the order of `Figures`, and what many small registrations may cost over few large ones.
_BARS: dict[str, float | None] = {
    "register, items/s": None,
    "look up 10,000, s": 2,
    "mix of a tenth, s": 2,
    "mix of human 1 %, s": 2,
    "first look-up, s": None,
    "MB over idle": 1.5,
}


@dataclass(frozen=True)
class Figures:
    """Of one registry: items a second, seconds, and MB."""

    register: float
    look_up: float
    mix: float
    rare_mix: float
    first_after_start: float
    memory: float


def small(client: Client, items: Digests, each: int) -> None:
    """Registrations of `each` items; every hundredth says human, the others a model."""
    texts = [to_text(digest) for digest in to_bytes(items)]
    groups = [texts[start : start + each] for start in range(0, len(texts), each)]
    for start in range(0, len(groups), _BODY):
        body = [_statement(number, group) for number, group in enumerate(groups[start : start + _BODY], start)]
        outcomes = client.register_batch(body)
        assert all(outcome.refused is None for outcome in outcomes)


def _statement(number: int, digests: list[str]) -> NewStatement:
    if number % 100 == 0:
        return NewStatement.model_construct(dataset="local/d", origin="human", digests=digests)
    return NewStatement.model_construct(dataset="local/d", origin="model", model="local/m@1", digests=digests)


def large(client: Client, items: Digests) -> None:
    """A hundred registrations, the first human."""
    for number, part in enumerate(np.array_split(items, _LARGE)):
        if number == 0:
            client.register("local/d", Digested(part), origin="human", batch=len(part))
        else:
            client.register("local/d", Digested(part), origin="model", model="local/m@1", batch=len(part))


def seconds(work: Callable[[int], object]) -> float:
    """The median of five rounds, each told its number."""
    took = []
    for number in range(_ROUNDS):
        start = time.perf_counter()
        work(number)
        took.append(time.perf_counter() - start)
    return median(took)


def figures(database: str, fill: Callable[[Client], None], items: Digests) -> Figures:
    unknown = np.random.default_rng(9).integers(0, 256, (5_000, 32), dtype=np.uint8)
    asked = np.concatenate([items[:: len(items) // 5_000][:5_000], unknown])
    with ExitStack() as stack:
        url = stack.enter_context(postgresql.database()) if database == "postgresql" else None
        client, process = stack.enter_context(served(url))
        client.put_model("local/m@1", generation=1)
        client.put_dataset("local/d")
        idle = anonymous(process)
        start = time.perf_counter()
        fill(client)
        rate = len(items) / (time.perf_counter() - start)
        filled = (anonymous(process) - idle) / 1e6
        start = time.perf_counter()
        client.lookup(asked[:1])
        first = time.perf_counter() - start
        look_up = seconds(lambda _: client.lookup(asked))
        mix = seconds(lambda seed: client.create_mix(Recipe(seed=seed, size=len(items) // 10, parts=[Part(share=1.0)])))
        human = Part(verdict_in=["human"], share=1.0)
        rare = seconds(lambda seed: client.create_mix(Recipe(seed=seed, size=len(items) // 200, parts=[human])))
        held = (anonymous(process) - idle) / 1e6
        print(f"    memory over idle: after filling {filled:.0f} MB, at the end {held:.0f} MB", flush=True)
        return Figures(rate, look_up, mix, rare, first, held)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=10_000_000)
    parser.add_argument("--small", type=int, default=10, help="items of a small registration")
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    given = parser.parse_args()
    items = np.random.default_rng(0).integers(0, 256, (given.items, 32), dtype=np.uint8)
    many = figures(given.database, lambda client: small(client, items, given.small), items)
    few = figures(given.database, lambda client: large(client, items), items)
    print(f"{given.database}, {given.items:,} items: {given.items // given.small:,} registrations against {_LARGE}")
    for (name, bar), a, b in zip(_BARS.items(), astuple(many), astuple(few), strict=True):
        told = "" if bar is None else f"  at most {bar}: {'pass' if a / b <= bar else 'miss'}"
        print(f"{name:22} {a:12,.3f} {b:12,.3f}  ratio {a / b:.2f}{told}")


if __name__ == "__main__":
    main()
