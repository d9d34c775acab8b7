"""One row of the table: an attack, the measurements of the probes and of the memory, and the limits."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from benchmarks.strangers.probes import ProbeTimes

#: The limits: seconds of a probe (99th percentile), and bytes of memory growth during the attack and after it.
MOST_SECONDS, MOST_GROWTH, MOST_KEPT = 1.0, 300 * 10**6, 150 * 10**6
#: The minimum share of the other organization's registrations that must be stored.
LEAST_REGISTERED = 0.9

_LINE = "{:<26} {:<9} {:>21} {:>21} {:>18} {:>4} {:<4} {:<28} {}"


@dataclass(frozen=True)
class StrangersRow:
    """The measurements of one attack."""

    attack: str
    sender: str
    sends: str
    health: ProbeTimes
    look_up: ProbeTimes
    registration: ProbeTimes | None
    "registrations of another organization during the attack; None if the row has none"
    before: int
    peak: int
    after: int
    "anonymous memory of all workers in bytes: before the attack, its peak, and after the attack"
    died: int
    statuses: Mapping[str, int]
    "the number of the attackers' requests by the status of the answer"

    @property
    def misses(self) -> list[str]:
        """The limits that are exceeded, in words."""
        misses = []
        for name, times in (("/healthz", self.health), ("look-up", self.look_up)):
            if not times.p99 < MOST_SECONDS:
                misses.append(f"{name} p99 {times.p99:.2f} s")
            if times.others("200"):
                misses.append(f"{name} {dict(times.statuses)}")
        if self.registration is not None:
            total = sum(self.registration.statuses.values())
            if total - self.registration.others("201") < LEAST_REGISTERED * total:
                misses.append(f"registrations of others {dict(self.registration.statuses)}")
        if self.peak - self.before > MOST_GROWTH:
            misses.append(f"memory +{_megabytes(self.peak - self.before)} MB")
        if self.after - self.before > MOST_KEPT:
            misses.append(f"memory stays +{_megabytes(self.after - self.before)} MB")
        if self.died:
            misses.append(f"{self.died} workers died")
        failures = {status: number for status, number in self.statuses.items() if "500" <= status < "600"}
        failures.pop("503", None)
        if failures:
            misses.append(f"answers {failures}")
        return misses

    def to_json(self) -> dict[str, Any]:
        """Return all measurements and limits as a JSON object."""
        values = asdict(self)
        for name in ("health", "look_up", "registration"):
            if values[name] is not None:  # JSON has no NaN, the time of a probe without an answer
                values[name] = {key: None if value != value else value for key, value in values[name].items()}
        return {**values, "pass": not self.misses, "misses": self.misses}

    def line(self) -> str:
        """Return the row as a line of the table."""
        memory = f"{_megabytes(self.before)} / {_megabytes(self.peak)} / {_megabytes(self.after)}"
        statuses = " ".join(f"{status}:{number}" for status, number in sorted(self.statuses.items())) or "-"
        notes = [self.sends, *self.misses]
        if self.registration is not None:
            notes.insert(1, f"others register: {_times(self.registration)} ms {dict(self.registration.statuses)}")
        passed = "MISS" if self.misses else "pass"
        values = _times(self.health), _times(self.look_up), memory, self.died, passed, statuses, "; ".join(notes)
        return _LINE.format(self.attack, self.sender, *values)


def table_head() -> str:
    """Return the two lines above the table."""
    heads = ("attack", "by", "/healthz ms", "look-up ms", "memory MB", "died", "", "answers to attackers", "sends")
    below = ("", "", "p50 / p99 / max", "p50 / p99 / max", "before/peak/after", "", "", "", "bars that are missed")
    return f"{_LINE.format(*heads)}\n{_LINE.format(*below)}"


def _times(times: ProbeTimes) -> str:
    return " / ".join(f"{1000 * seconds:,.0f}" for seconds in (times.p50, times.p99, times.longest))


def _megabytes(number: int) -> str:
    return f"{number / 1e6:,.0f}"
