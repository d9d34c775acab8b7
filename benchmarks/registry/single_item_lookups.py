"""Request single items from one worker on 32 connections, compared with bare routes with the same query and driver."""

from collections.abc import Callable, Iterator

from fastapi import FastAPI

from benchmarks.bare import routes
from benchmarks.harness import http_load
from benchmarks.harness.bench import Bench
from benchmarks.harness.limits import LIMITS
from benchmarks.harness.report import BenchmarkRow, Target, alternate


def rows(bench: Bench) -> Iterator[BenchmarkRow]:
    """Measure requests without an API key, then with a key, which needs a second query."""
    registry = bench.half_human(bench.sizes.held[0])
    held = len(registry.digests)
    driver, _, address = bench.bare_filled(registry.digests)
    name = driver.__name__.rsplit(".", 1)[1]
    chosen = registry.digests[bench.generator.choice(held, min(held, 10_000), replace=False)]
    paths = [f"/v1/items/{digest.tobytes().hex()}" for digest in chosen]
    key = {"Authorization": f"Bearer {registry.served.api_key}"}
    p99 = list[float]()
    http_load.get(registry.served.port, paths, warm_up=0, seconds=3.0)  # opens the database connections of all threads

    def bare(make: Callable[[str], FastAPI]) -> float:
        with routes.served(make, address) as port:
            return http_load.get(port, paths, seconds=bench.sizes.seconds).rate

    def service(headers: dict[str, str]) -> float:
        load = http_load.get(registry.served.port, paths, seconds=bench.sizes.seconds, headers=headers)
        p99.append(load.p99)
        return load.rate

    bare_def, without_key, bare_async, with_key = alternate(
        bench.sizes.times,
        lambda _: bare(getattr(routes, f"{name}_def")),
        lambda _: service({}),
        lambda _: bare(getattr(routes, f"{name}_async")),
        lambda _: service(key),
    )
    median_p99 = 1000 * sorted(p99)[len(p99) // 2]
    note = f"baseline: bare def route; 32 connections, one worker, p99 {median_p99:.0f} ms"
    limit = LIMITS.get(("get, def", bench.database, held))
    limit_async = LIMITS.get(("get, async", bench.database, held))
    for task, values, baselines, target, text, machine_limit in (
        ("get one item", without_key, bare_def, Target("ratio", ">=", 0.6), note, limit),
        ("get one item, with a key", with_key, bare_def, None, "baseline: bare def route, without a key", limit),
        ("get one item, async", without_key, bare_async, None, "baseline: bare async route", limit_async),
    ):
        yield BenchmarkRow(task, bench.database, values, "requests/s", baselines, target, text, machine_limit)
