"""What is counted: how long calls took, how often each check was made, and every fault."""

import threading
from collections import Counter, defaultdict
from dataclasses import dataclass, field

import numpy as np

#: Every check, in the order of the report; a check that was never made is a fault of its own.
CHECKS = (
    "acknowledged and missing",
    "visible and never sent",
    "answer older than what was acknowledged",
    "verdict that differs from the model",
    "mix that differs from its recomputation",
    "positions with gaps or unknown statements",
    "server error",
    "call that was not understood or refused",
)
_SHOWN = 5


@dataclass
class Ledger:
    """Shared by all actors; every method is one step under the lock."""

    times: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    retried: Counter[str] = field(default_factory=Counter)
    made: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    told: list[str] = field(default_factory=list)
    down: Counter[str] = field(default_factory=Counter)
    kills: Counter[str] = field(default_factory=Counter)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def took(self, kind: str, seconds: float, retried: bool) -> None:
        """A call that was answered; its time counts where it was not retried, for else it is that of the restart."""
        with self._lock:
            if retried:
                self.retried[kind] += 1
            else:
                self.times[kind].append(seconds)

    def check(self, name: str, holds: bool, said: str, count: int = 1) -> None:
        """A check was made on `count` things; where it does not hold that is a fault, told by `said`."""
        assert name in CHECKS
        with self._lock:
            self.made[name] += count
            if not holds:
                self.faults[name] += 1
                if self.faults[name] <= _SHOWN:
                    self.told.append(f"{name}: {said}")

    def unanswered(self, what: str) -> None:
        """A connection error, or 503 while the server was down: expected, and counted."""
        with self._lock:
            self.down[what] += 1

    def killed(self, what: str) -> None:
        with self._lock:
            self.kills[what] += 1

    @property
    def failed(self) -> bool:
        return bool(self.faults) or any(self.made[name] == 0 for name in CHECKS)

    def report(self, seconds: float) -> str:
        """A table of calls, then kills, then checks."""
        lines = [f"{'call':24} {'calls':>8} {'a second':>9} {'p50 ms':>8} {'p99 ms':>8} {'retried':>8}"]
        for kind in sorted(self.times.keys() | self.retried.keys()):
            took = np.array(self.times[kind] or [np.nan]) * 1000
            calls, (p50, p99) = len(self.times[kind]) + self.retried[kind], np.percentile(took, [50, 99]).tolist()
            lines.append(f"{kind:24} {calls:8,} {calls / seconds:9.1f} {p50:8.1f} {p99:8.1f} {self.retried[kind]:8,}")
        for what, counted in (("killed", self.kills), ("unanswered meanwhile", self.down)):
            said = ", ".join(f"{n:,} {name}" for name, n in sorted(counted.items()))
            lines.append(f"{what}: {said or 'nothing'}")
        lines.append(f"{'check':44} {'made':>10} {'faults':>8}")
        lines += [f"{name:44} {self.made[name]:10,} {self.faults[name]:8,}" for name in CHECKS]
        lines += [f"never made: {name}" for name in CHECKS if not self.made[name]]
        return "\n".join([*lines, *self.told])
