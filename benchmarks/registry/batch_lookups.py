"""Look-ups in batches of which half is known, over HTTP, beside the bare query of the same digests.

    python -m benchmarks.registry.batch_lookups [--database sqlite|postgresql] [--held 1000000] [--quick]

Three ways to ask and to be answered: raw digests, answered as Arrow (what `Client.lookup` does of many); Arrow both
ways; JSON columns both ways. What is timed begins with digests in numpy and ends with columns in Python. Each round
asks the bare database, then every way, for the same digests, and a ratio is of one round: the median of five stands.
"""

import argparse
import json
import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

import httpx2
import numpy as np
import pyarrow as pa

from benchmarks.bare import postgresql as bare_postgresql
from benchmarks.bare import sqlite as bare_sqlite
from benchmarks.bare.baselines import Sizes
from benchmarks.bare.drawing import draw, half_known, split
from benchmarks.harness.bench import Bench, settle
from benchmarks.harness.limits import LIMITS
from benchmarks.harness.rows import Bar, Row
from benchmarks.harness.served_registry import client_of_empty
from firsthand import Client, Digested
from firsthand.core.digests import SIZE, Digests, sort_unique, to_bytes, to_text
from firsthand.core.media_types import ARROW, JSON
from firsthand.http import lookup_result

#: Of figure over baseline, both in items a second, that each way is to reach.
BARS = {"raw": 0.75, "arrow": 0.75, "json": 0.5}

#: Seconds to look up some batches, `uint8[n, 32]` each.
Measure = Callable[[list[Digests]], float]


@dataclass(frozen=True)
class Figure:
    """One way to ask: items a second of each round, and of the bare query in the same round."""

    way: str
    values: tuple[float, ...]
    baselines: tuple[float, ...]

    @property
    def ratio(self) -> float:
        return statistics.median(a / b for a, b in zip(self.values, self.baselines, strict=True))


def rows(bench: Bench) -> Iterator[Row]:
    """Every way, as rows of the registry's table."""
    held = bench.half_human(bench.sizes.held[0])
    module, connection, _ = bench.bare_held(held.digests)
    found = figures(held.client, lambda b: module.look_up(connection, b), held.digests, bench.sizes, bench.generator)
    for one in found:
        work, note = f"look up {bench.sizes.asked:,} of {len(held.digests):,}, {one.way}", "half known"
        bar, limit = Bar("ratio", ">=", BARS[one.way]), LIMITS.get(("look up", bench.database, len(held.digests)))
        yield Row(work, bench.database, one.values, "items/s", one.baselines, bar, note, limit)


def figures(client: Client, bare: Measure, held: Digests, sizes: Sizes, generator: np.random.Generator) -> list[Figure]:
    """Every way, in a registry that holds `held`; `bare` asks a database that holds claims on the same.

    Of the sizes, `asked` digests a look-up, `look_ups` a measurement and `times` are looked at.
    """
    with httpx2.Client(base_url=client.url, trust_env=False, timeout=60) as http:
        ways: dict[str, Callable[[Digests], int]] = {
            "raw": lambda batch: _known(client.lookup(batch)),
            "arrow": lambda batch: _by_arrow(http, batch),
            "json": lambda batch: _by_json(http, batch),
        }
        _check(ways, half_known(held, sizes.asked, 2, generator))
        rounds = [_round(bare, ways, batches) for batches in _rounds(held, sizes, generator)]
    items = sizes.asked * sizes.look_ups
    bare_rates, *rates = ([items / seconds for seconds in column] for column in zip(*rounds, strict=True))
    return [Figure(way, tuple(rate), tuple(bare_rates)) for way, rate in zip(ways, rates, strict=True)]


def _rounds(held: Digests, sizes: Sizes, generator: np.random.Generator) -> Iterator[list[Digests]]:
    for _ in range(sizes.times):
        yield half_known(held, sizes.asked, sizes.look_ups, generator)


def _round(bare: Measure, ways: dict[str, Callable[[Digests], int]], batches: list[Digests]) -> list[float]:
    """The seconds of the bare query, then of each way: in turns over the batches, so that all meet the same machine."""
    seconds = [0.0] * (1 + len(ways))
    for batch in batches:
        seconds[0] += bare([batch])
        for number, way in enumerate(ways.values(), 1):
            started = perf_counter()
            way(batch)
            seconds[number] += perf_counter() - started
    return seconds


def _check(ways: dict[str, Callable[[Digests], int]], batches: list[Digests]) -> None:
    """Each way knows half; connections are open, and caches warm."""
    for name, way in ways.items():
        for batch in batches:
            known = way(batch)
            if known != len(batch[::2]):
                raise AssertionError(f"{name}: {known} of {len(batch)} are known, where every second one is held")


def _known(answer: lookup_result.Lookup) -> int:
    return int(np.count_nonzero(answer.verdict))


def _by_arrow(http: httpx2.Client, batch: Digests) -> int:
    column = pa.Array.from_buffers(pa.binary(SIZE), len(batch), [None, pa.py_buffer(batch.tobytes())])
    asked, sink = pa.record_batch({"digest": column}), pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, asked.schema) as stream:
        stream.write_batch(asked)
    answer = _post(http, sink.getvalue().to_pybytes(), ARROW)
    return _known(lookup_result.from_arrow(answer))


def _by_json(http: httpx2.Client, batch: Digests) -> int:
    asked = json.dumps({"digests": [to_text(digest) for digest in to_bytes(batch)]}).encode()
    verdicts: list[str] = json.loads(_post(http, asked, JSON))["verdicts"]
    return len(batch) - verdicts.count("unknown")


def _post(http: httpx2.Client, body: bytes, media: str) -> bytes:
    answer = http.post("/v1/lookups", content=body, headers={"Content-Type": media, "Accept": media})
    answer.raise_for_status()
    return answer.content


def measured(database: str, sizes: Sizes, seed: int = 0) -> list[Figure]:
    """All of it on a database of its own: a registry half human, and the bare tables with claims on the same."""
    generator = np.random.default_rng(seed)
    held = draw(sizes.held[0], generator)
    with ExitStack() as stack:
        where = stack.enter_context(bare_postgresql.database()) if database == "postgresql" else None
        client = stack.enter_context(client_of_empty(where))
        _fill(client, held)
        if where is not None:
            settle(where)
        return figures(client, _bare(stack, database, held), held, sizes, generator)


def _fill(client: Client, held: Digests) -> None:
    client.put_model("local/m@1", generation=1)
    client.put_dataset("local/d")
    for number, part in enumerate(split(held, 50_000)):
        origin: Any = "model" if number % 2 else "human"
        model = "local/m@1" if number % 2 else None
        client.register("local/d", Digested(part), origin=origin, model=model, batch=len(part))


def _bare(stack: ExitStack, database: str, held: Digests) -> Measure:
    """The bare query, in a database beside the registry's that is filled with the same digests."""
    ordered = sort_unique(held)[0]
    module: Any
    connection: Any
    if database == "sqlite":
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        module, connection = bare_sqlite, stack.enter_context(bare_sqlite.connected(folder / "bare.sqlite"))
    else:
        address = stack.enter_context(bare_postgresql.database())
        module, connection = bare_postgresql, stack.enter_context(bare_postgresql.connect(address))
    module.create(connection)
    module.fill(connection, ordered)
    return lambda batches: module.look_up(connection, batches)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="sqlite")
    parser.add_argument("--held", type=int, default=1_000_000, help="items that the registry holds")
    parser.add_argument("--quick", action="store_true", help="a tenth of the items held, and a fourth of the look-ups")
    given = parser.parse_args()
    sizes = Sizes(held=(given.held // 10,), look_ups=5) if given.quick else Sizes(held=(given.held,))
    print(f"{given.database}, {sizes.held[0]:,} held, batches of {sizes.asked:,}, half known; items a second")
    for figure in measured(given.database, sizes):
        bar = BARS[figure.way]
        rate, baseline = statistics.median(figure.values), statistics.median(figure.baselines)
        verdict = "pass" if figure.ratio >= bar else "MISS"
        print(f"{figure.way:6} {rate:10,.0f}  bare {baseline:10,.0f}  ratio {figure.ratio:.2f}  bar {bar}  {verdict}")


if __name__ == "__main__":
    main()
