"""The limits of the machine, which were measured before the registry existed, and the rule for a valid baseline."""

#: The share of its limit that a baseline must reach to be valid.
VALID_SHARE = 0.8

#: Limits by task, database and size: items or requests per second; seconds for mixes. Measured on an idle machine with
#: two cores. The limit of registration combines a look-up and a sorted insertion, which were measured separately
#: (PostgreSQL 0.323 and 0.67 M/s, SQLite 0.457 and 0.53 M/s). Psycopg under a bare route was not measured: the `def`
#: route is compared with SQLAlchemy Core in the thread pool (it must be faster), and the async route has no limit
#: (asyncpg, which is faster, answered 3,630 requests per second).
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


def share_of_limit(value: float, limit: float, unit: str) -> float:
    """Return a value as a share of its limit: 1 is as fast as the limit, more than 1 is faster.

    For the unit `s`, smaller values are faster. For other units, larger values are faster.
    """
    return limit / value if unit == "s" else value / limit
