"""The checks of `/readyz`: the database, and the clock of the host."""

import time

from sqlalchemy.orm import Session

from firsthand.schemas.health import Readiness
from service.errors import Unavailable
from service.log import store as log
from service.log.rules import canonical_time
from service.storage.engine import Database, is_read_only, now

#: Seconds by which the clocks of correctly managed hosts may differ.
_TOLERANCE = 5
#: Seconds by which the clock may be changed after the start without a warning.
_JUMP = 30


def _steady() -> float:
    """Return the seconds of a clock that cannot be set, and that also runs while the machine is suspended."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


class HostClock:
    """The clock of this host, compared with a clock that cannot be set."""

    def __init__(self) -> None:
        self._offset, self._started = time.time() - _steady(), now()

    def jump(self) -> int:
        """Return the seconds by which the clock was changed since the start of the service.

        It is negative if it was set back.
        """
        return round(time.time() - _steady() - self._offset)

    def warnings(self, newest: int) -> list[str]:
        """Return warnings if the clock was changed, or if it is behind `newest`, the time of the newest statement."""
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
    """Return the answer of a service that is ready, with warnings about the clock."""
    return Readiness(status="ready", warnings=clock.warnings(log.newest_time(session)))
