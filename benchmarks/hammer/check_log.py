"""The results of a hammer run: the times of calls, the number of each check, and all faults."""

import threading
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import numpy as np

#: All checks, in the order of the report. A check that was never made is a fault too.
CHECKS = (
    "acknowledged and missing",
    "visible and never sent",
    "response older than the last acknowledgement",
    "verdict differs from the expected verdict",
    "mix differs from the expected mix",
    "gaps or unknown statements in the log",
    "server error",
    "call refused or not answered",
)
#: Maximum number of faults of each check that are printed with details.
_DETAILS = 5


@dataclass
class CheckLog:
    """Counts calls, checks, faults and kills. All actors share it; every method holds the lock."""

    times: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    retried: Counter[str] = field(default_factory=Counter)
    made: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    details: list[str] = field(default_factory=list)
    unanswered: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add_call(self, kind: str, seconds: float, retried: bool) -> None:
        """Count a call that was answered. The time of a retried call is not kept, because it includes the restart."""
        with self._lock:
            if retried:
                self.retried[kind] += 1
            else:
                self.times[kind].append(seconds)

    def check(self, name: str, passed: bool, detail: str, count: int = 1) -> None:
        """Count a check of `count` items, and a fault if it did not pass. `detail` describes the fault."""
        assert name in CHECKS
        with self._lock:
            self.made[name] += count
            if not passed:
                self.faults[name] += 1
                if self.faults[name] <= _DETAILS:
                    self.details.append(f"{name}: {detail}")

    def add_unanswered(self, kind: str) -> None:
        """Count a connection error, or a 503 while the server was down. Both are expected."""
        with self._lock:
            self.unanswered[kind] += 1

    def add_kill(self, kind: str) -> None:
        with self._lock:
            self.kills[kind] += 1

    @property
    def failed(self) -> bool:
        return bool(self.faults) or any(self.made[name] == 0 for name in CHECKS)

    def report(self, seconds: float) -> str:
        """Return the tables of calls, kills and checks. `seconds` is the duration of the run."""
        lines = [f"{'call':24} {'calls':>8} {'calls/s':>9} {'p50 ms':>8} {'p99 ms':>8} {'retried':>8}"]
        for kind in sorted(self.times.keys() | self.retried.keys()):
            times = np.array(self.times[kind] or [np.nan]) * 1000
            calls, (p50, p99) = len(self.times[kind]) + self.retried[kind], np.percentile(times, [50, 99]).tolist()
            lines.append(f"{kind:24} {calls:8,} {calls / seconds:9.1f} {p50:8.1f} {p99:8.1f} {self.retried[kind]:8,}")
        for title, counts in (("killed", self.kills), ("not answered during restarts", self.unanswered)):
            lines.append(f"{title}: {', '.join(f'{n:,} {name}' for name, n in sorted(counts.items())) or 'none'}")
        lines.append(f"{'check':44} {'made':>10} {'faults':>8}")
        lines += [f"{name:44} {self.made[name]:10,} {self.faults[name]:8,}" for name in CHECKS]
        lines += [f"never made: {name}" for name in CHECKS if not self.made[name]]
        return "\n".join([*lines, *self.details])
