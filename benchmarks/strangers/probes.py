"""Probes: requests of another caller during an attack. Their times and their answers are measured."""

import http.client
import threading
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from firsthand.core.media_types import RAW

#: The time limit of a request of a probe, in seconds. Without an answer in this time, the request has failed.
_TIMEOUT = 60.0
_NO_ANSWER = "none"


class ProbeAnswer(NamedTuple):
    """One request of a probe: the time when it was sent, its duration, and the status of its answer.

    The time is in seconds of `time.monotonic`.
    """

    sent_at: float
    seconds: float
    status: str


@dataclass(frozen=True)
class ProbeTimes:
    """The durations of the requests of a probe in seconds, and the number of its answers by status."""

    p50: float
    p99: float
    longest: float
    statuses: Mapping[str, int]

    def others(self, expected: str) -> int:
        """Return the number of answers whose status is not `expected`."""
        return sum(number for status, number in self.statuses.items() if status != expected)


@dataclass
class Probe:
    """A request that is sent repeatedly, each time on a new connection."""

    name: str
    method: str
    path: str
    body: bytes = b""
    api_key: str | None = None
    expected: str = "200"
    interval: float = 0.1
    "seconds between two requests; at most one is sent at a time"
    answers: list[ProbeAnswer] = field(default_factory=list)

    def send(self, port: int) -> None:
        """Send the request once, and store its answer."""
        sent_at, status = time.monotonic(), _NO_ANSWER
        headers = {"Content-Type": RAW} if self.body else {}
        if self.api_key is not None:
            headers["Authorization"] = f"Bearer {self.api_key}"
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_TIMEOUT)
        try:
            connection.request(self.method, self.path, self.body or None, headers)
            answer = connection.getresponse()
            answer.read()
            status = str(answer.status)
        except (OSError, http.client.HTTPException):
            pass
        finally:
            connection.close()
        self.answers.append(ProbeAnswer(sent_at, time.monotonic() - sent_at, status))

    def times(self, started: float, ended: float) -> ProbeTimes:
        """Return the durations of the requests that were sent between two times, and of those that were delayed.

        While a request waits for its answer, the next requests cannot be sent. They are added with the time that they
        would have waited. Otherwise, if a service does not answer for 8 seconds, there would be only one slow answer
        among a hundred.
        """
        times, statuses = list[float](), Counter[str]()
        for answer in self.answers:
            if answer.sent_at < ended and answer.sent_at + answer.seconds > started:
                statuses[answer.status] += 1
                missed = np.arange(answer.seconds, 0, -self.interval)
                sent_at = answer.sent_at + answer.seconds - missed
                times += missed[(sent_at >= started) & (sent_at < ended)].tolist()
        if not times:
            return ProbeTimes(float("nan"), float("nan"), float("nan"), dict(statuses))
        p50, p99, longest = np.percentile(times, [50, 99, 100])
        return ProbeTimes(float(p50), float(p99), float(longest), dict(statuses))


class Probing:
    """Sends all probes at the same time, each in its own thread, until the `with` block ends."""

    def __init__(self, port: int, probes: Sequence[Probe]) -> None:
        self._port, self._done = port, threading.Event()
        self._threads = [threading.Thread(target=self._repeat, args=(probe,), daemon=True) for probe in probes]

    def _repeat(self, probe: Probe) -> None:
        due = time.monotonic()
        while not self._done.wait(max(due - time.monotonic(), 0)):
            probe.send(self._port)
            due = max(due + probe.interval, time.monotonic())

    def __enter__(self) -> "Probing":
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()
