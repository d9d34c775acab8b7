"""What `/readyz` says of the database and of the clock."""

import time

from sqlalchemy.orm import Session

from firsthand.schemas.health import Readiness
from service.errors import Unavailable
from service.log import store as log
from service.log.rules import canonical_time
from service.storage.engine import Database, is_read_only, now

#: Seconds by which clocks of well-kept hosts may differ.
_TOLERANCE = 5
#: Seconds by which the clock may have been set since the start.
_JUMP = 30


def _steady() -> float:
    """Return seconds of a clock that nobody sets, and that also runs while the machine is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class HostClock:
    """The clock of this host, compared with one that cannot be set."""

    def __init__(self) -> None:
        self._offset, self._started = time.time() - _steady(), now()

    def jump(self) -> int:
        """Return the seconds by which the clock was set since the start of the service; backward is negative."""
        return round(time.time() - _steady() - self._offset)

    def warnings(self, newest: int) -> list[str]:
        """Return sentences on a clock that is behind the newest statement, recorded at `newest`, or that jumped."""
        sentences = []
        behind = newest - now()
        if behind > _TOLERANCE:
            sentences.append(
                f"The clock of this host is {behind:,} s behind the newest statement, which was recorded at "
                f"{canonical_time(newest)}. New statements get that time until the clock reaches it. Check the clocks "
                "of all hosts."
            )
        if abs(jump := self.jump()) > _JUMP:
            direction = "forward" if jump > 0 else "back"
            sentences.append(
                f"The clock of this host was set {direction} by {abs(jump):,} s since the service started at "
                f"{canonical_time(self._started)}. Check the clock, then restart the service."
            )
        return sentences


def check_writable(database: Database) -> None:
    """Raise Unavailable if the database refuses every write."""
    if is_read_only(database):
        raise Unavailable(
            "The database is read-only, so nothing can be registered. Make it writable, or use the address of the "
            "primary server.",
            retry_after=10,
        )


def readiness(session: Session, clock: HostClock) -> Readiness:
    """Return that the service can work, with warnings about the clock."""
    return Readiness(status="ready", warnings=clock.warnings(log.newest_time(session)))
