"""One item at a time over 32 connections, by one worker, beside bare routes with the same query and driver."""

from collections.abc import Callable, Iterator

from fastapi import FastAPI

from benchmarks.bare import routes
from benchmarks.harness import http_load
from benchmarks.harness.bench import Bench
from benchmarks.harness.limits import LIMITS
from benchmarks.harness.rows import Bar, Row, alternately


def rows(bench: Bench) -> Iterator[Row]:
    """Reading is open, so the first figure is without a key; with one, a second question a request checks it."""
    held = bench.half_human(bench.sizes.held[0])
    module, _, where = bench.bare_held(held.digests)
    name = module.__name__.rsplit(".", 1)[1]
    chosen = held.digests[bench.generator.choice(len(held.digests), min(len(held.digests), 10_000), replace=False)]
    paths = [f"/v1/items/{digest.tobytes().hex()}" for digest in chosen]
    key = {"Authorization": f"Bearer {held.served.api_key}"}
    p99 = list[float]()
    http_load.get(held.served.port, paths, warm_up=0, seconds=3.0)  # opens the connections of every thread

    def bare(make: Callable[[str], FastAPI]) -> float:
        with routes.served(make, where) as port:
            return http_load.get(port, paths, seconds=bench.sizes.seconds).rate

    def service(headers: dict[str, str]) -> float:
        answered = http_load.get(held.served.port, paths, seconds=bench.sizes.seconds, headers=headers)
        p99.append(answered.p99)
        return answered.rate

    by_def, open_, async_, with_key = alternately(
        bench.sizes.times,
        lambda _: bare(getattr(routes, f"{name}_def")),
        lambda _: service({}),
        lambda _: bare(getattr(routes, f"{name}_async")),
        lambda _: service(key),
    )
    note = f"32 connections, one worker, p99 {1000 * sorted(p99)[len(p99) // 2]:.0f} ms; beside a bare def route"
    of_def, of_async = (LIMITS.get((f"get, {way}", bench.database, len(held.digests))) for way in ("def", "async"))
    bar, same, other = Bar("ratio", ">=", 0.6), "beside the same", "beside a bare async route"
    yield Row("get one item", bench.database, open_, "requests/s", by_def, bar, note, of_def)
    yield Row("get one item, with a key", bench.database, with_key, "requests/s", by_def, None, same, of_def)
    yield Row("get one item, async", bench.database, open_, "requests/s", async_, None, other, of_async)
