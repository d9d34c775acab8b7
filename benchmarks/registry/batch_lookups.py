"""Look up batches of digests over HTTP, compared with the bare query of the same digests. Half of them are known.

    python -m benchmarks.registry.batch_lookups [--database sqlite|postgresql] [--held 1000000] [--quick]

There are three forms of request and response: raw digests with an answer in Arrow (as in `Client.lookup` for many
digests), Arrow for both, and JSON columns for both. The time includes all steps from digests in numpy to columns in
Python. Each round queries the bare database, then the registry in each form, for the same digests. The ratio is the
median over five rounds.
"""

import argparse
import json
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from time import perf_counter

import httpx2
import numpy as np

from benchmarks.bare.inputs import half_known
from benchmarks.harness.bench import DATABASES, Bench
from benchmarks.harness.limits import LIMITS
from benchmarks.harness.report import BenchmarkRow, Target
from benchmarks.harness.sizes import Sizes
from benchmarks.registry.bulk_registration import encode_arrow
from firsthand.core.digests import Digests, to_bytes, to_text
from firsthand.core.media_types import ARROW, JSON
from firsthand.http import arrow_streams, lookup_result

#: The smallest acceptable ratio of each form to the bare query, both in items per second.
TARGETS = {"raw": 0.75, "arrow": 0.75, "json": 0.5}


@dataclass(frozen=True)
class LookupRates:
    """The items per second of one form in each round, and of the bare query in the same round."""

    form: str
    values: tuple[float, ...]
    baselines: tuple[float, ...]

    @property
    def ratio(self) -> float:
        return statistics.median(a / b for a, b in zip(self.values, self.baselines, strict=True))


def rows(bench: Bench) -> Iterator[BenchmarkRow]:
    """Measure every form."""
    held = len(bench.half_human(bench.sizes.held[0]).digests)
    limit = LIMITS.get(("look up", bench.database, held))
    for rates in measure_forms(bench):
        task = f"look up {bench.sizes.lookup_batch:,} of {held:,}, {rates.form}"
        target = Target("ratio", ">=", TARGETS[rates.form])
        note = "half of the digests known"
        yield BenchmarkRow(task, bench.database, rates.values, "items/s", rates.baselines, target, note, limit)


def measure_forms(bench: Bench) -> list[LookupRates]:
    """Measure every form in a registry that is half human, and a bare database with claims on the same digests."""
    registry, sizes = bench.half_human(bench.sizes.held[0]), bench.sizes
    driver, connection, _ = bench.bare_filled(registry.digests)
    with httpx2.Client(base_url=registry.client.url, trust_env=False, timeout=60) as http:
        forms: dict[str, Callable[[Digests], int]] = {
            "raw": lambda batch: _count_known(registry.client.lookup(batch)),
            "arrow": lambda batch: _look_up_by_arrow(http, batch),
            "json": lambda batch: _look_up_by_json(http, batch),
        }
        for name, look_up in forms.items():  # this also opens connections and fills caches
            for batch in half_known(registry.digests, sizes.lookup_batch, 2, bench.generator):
                known = look_up(batch)
                if known != len(batch[::2]):
                    raise AssertionError(f"{name}: {known} of {len(batch)} digests are known, not every second digest")

        rounds = []
        for _ in range(sizes.times):
            seconds = [0.0] * (1 + len(forms))
            for batch in half_known(registry.digests, sizes.lookup_batch, sizes.look_ups, bench.generator):
                seconds[0] += driver.look_up(connection, [batch])
                for column, look_up in enumerate(forms.values(), 1):
                    started = perf_counter()
                    look_up(batch)
                    seconds[column] += perf_counter() - started
            rounds.append([sizes.lookup_batch * sizes.look_ups / total for total in seconds])
    bare_rates, *rates = zip(*rounds, strict=True)
    return [LookupRates(form, values, bare_rates) for form, values in zip(forms, rates, strict=True)]


def _count_known(result: lookup_result.Lookup) -> int:
    return int(np.count_nonzero(result.verdict))


def _look_up_by_arrow(http: httpx2.Client, batch: Digests) -> int:
    return _count_known(arrow_streams.read_lookup(_post(http, encode_arrow(batch), ARROW)))


def _look_up_by_json(http: httpx2.Client, batch: Digests) -> int:
    request = json.dumps({"digests": [to_text(digest) for digest in to_bytes(batch)]}).encode()
    verdicts: list[str] = json.loads(_post(http, request, JSON))["verdicts"]
    return len(batch) - verdicts.count("unknown")


def _post(http: httpx2.Client, body: bytes, media_type: str) -> bytes:
    response = http.post("/v1/lookups", content=body, headers={"Content-Type": media_type, "Accept": media_type})
    response.raise_for_status()
    return response.content


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the rate of each form."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.registry.batch_lookups",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--database", choices=DATABASES, default="sqlite", help="database to measure; default: sqlite")
    parser.add_argument("--held", type=int, default=1_000_000, help="items in the registry; default: 1000000")
    parser.add_argument("--quick", action="store_true", help="use a tenth of the items, and a quarter of the look-ups")
    options = parser.parse_args(arguments)
    sizes = Sizes(held=(options.held // 10,), look_ups=5) if options.quick else Sizes(held=(options.held,))
    least = sizes.lookup_batch // 2 * (10 if options.quick else 1)
    if options.held < least:
        parser.error(f"--held {options.held} is too small: half of a batch must be registered; use {least} or more")
    print(
        f"{options.database}, {sizes.held[0]:,} items, batches of {sizes.lookup_batch:,} digests, half of them known."
        " Values in items per second."
    )
    with Bench(options.database, sizes, np.random.default_rng(0)) as bench:
        for rates in measure_forms(bench):
            target = TARGETS[rates.form]
            value, baseline = statistics.median(rates.values), statistics.median(rates.baselines)
            verdict = "pass" if rates.ratio >= target else "MISS"
            print(
                f"{rates.form:6} {value:10,.0f}  bare driver {baseline:10,.0f}"
                f"  ratio {rates.ratio:.2f}  target >= {target}  {verdict}"
            )


if __name__ == "__main__":
    main()
