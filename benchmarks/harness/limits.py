"""What the machine can do, measured before there was any registry, and figures held against it."""

import statistics
from dataclasses import dataclass

#: The share of a limit that a baseline must reach to count.
BAR = 0.8

#: What the machine can do, by work, database and size: items or requests a second, seconds for mixes. Measured on a
#: quiet machine of two cores. Registering is the sum of a look-up and of a sorted insertion, each as measured alone
#: (PostgreSQL 0.323 and 0.67 M/s, SQLite 0.457 and 0.53 M/s). Nobody measured bare psycopg under a route: its `def`
#: is held against SQLAlchemy Core in the thread pool (it must do better), its async against nothing (the quicker
#: asyncpg answered 3,630 requests a second).
LIMITS: dict[tuple[str, str, int], float] = {
    ("register", "postgresql", 1_000_000): 1 / (1 / 323_000 + 1 / 670_000),
    ("register", "sqlite", 1_000_000): 1 / (1 / 457_000 + 1 / 530_000),
    ("look up", "postgresql", 1_000_000): 323_000,
    ("look up", "postgresql", 10_000_000): 228_000,
    ("look up", "sqlite", 1_000_000): 457_000,
    ("look up", "sqlite", 10_000_000): 324_000,
    ("mix", "duckdb", 10_000_000): 1.07,
    ("get, def", "postgresql", 1_000_000): 976,
    ("get, def", "sqlite", 1_000_000): 2_130,
    ("get, async", "sqlite", 1_000_000): 5_360,
}


def share(value: float, limit: float, unit: str) -> float:
    """A figure as a share of its limit: 1 is as quick, more is quicker; of seconds, less is quicker."""
    return limit / value if unit == "s" else value / limit


@dataclass(frozen=True)
class Figure:
    """A measured baseline: the median of several, and the limit it must reach 0.8 of, if there is one."""

    work: str
    by: str
    size: int
    values: tuple[float, ...]
    unit: str
    memory: int | None = None
    "anonymous bytes over idle, of the client's process"
    note: str = ""

    @property
    def value(self) -> float:
        return statistics.median(self.values)

    @property
    def limit(self) -> float | None:
        return LIMITS.get((self.work, self.by, self.size))

    @property
    def ratio(self) -> float | None:
        """The figure as a share of its limit."""
        return None if self.limit is None else share(self.value, self.limit, self.unit)

    @property
    def verdict(self) -> str:
        return "-" if self.ratio is None else "pass" if self.ratio >= BAR else "miss"
