"""The sender of the recorder: a thread that registers the segments of a spool, and retries after failures."""

import logging
import threading
import time as clock
from contextlib import suppress
from datetime import UTC, datetime, time
from typing import NamedTuple

from firsthand.client import Client
from firsthand.core.control_characters import escape_controls
from firsthand.core.digests import Profile
from firsthand.errors import (
    BadRequest,
    Busy,
    Conflict,
    ContentError,
    FirsthandError,
    Forbidden,
    NotFound,
    NotUnderstood,
    Refused,
    ServerFault,
    TooLarge,
    Unauthorized,
    Unreachable,
    Withdrawn,
)
from firsthand.files.inputs import Digested
from firsthand.spool.segment import SealedSegment, SegmentHeader, SpoolWriter, read, remove

_log = logging.getLogger("firsthand.recorder")

#: The longest pause between two attempts after failures, in seconds.
_LONGEST_PAUSE = 60.0

#: After one of these errors, the other segments cannot be sent either.
_REGISTRY_UNAVAILABLE = (Unreachable, NotUnderstood, Busy, ServerFault, Unauthorized)


class WrongProfile(FirsthandError):
    """The digest profile of the items is not the profile of their dataset."""


#: After one of these errors, the same segment is refused again, until a person corrects the cause.
_REFUSED_FOR_GOOD = (BadRequest, Conflict, Forbidden, NotFound, Refused, TooLarge, WrongProfile)


class SentSegment(NamedTuple):
    """The number of items that the registry acknowledged, and of damaged records that were skipped."""

    items: int
    damaged: int


class SegmentSender:
    """The sender of segments. With `sizes`, it also registers the size of each item."""

    def __init__(self, client: Client, sizes: bool) -> None:
        self._client, self._sizes = client, sizes
        self._profiles: dict[str, Profile] = {}
        self._served_from: dict[str, datetime | None] = {}

    def send(self, sealed: SealedSegment) -> SentSegment:
        """Register a segment, then remove its file. Raises FirsthandError or OSError; the file then remains.

        A file that does not exist any more was dropped by `firsthand spool drop`.
        """
        try:
            segment = read(sealed.path)
        except FileNotFoundError:
            return SentSegment(0, 0)
        if segment is not None and len(segment.digests):
            header = segment.header
            self._check_profile(header)
            # Withdrawn: the segment was registered, the answer was lost, and the items were then withdrawn on purpose.
            with suppress(Withdrawn):
                self._client.register(
                    header.dataset,
                    Digested(segment.digests),
                    origin="model",
                    model=header.model,
                    evidence=header.evidence,
                    collected_at=self._collected_at(header),
                    sizes=segment.sizes if self._sizes else None,
                    batch=len(segment.digests),  # one request, since the idempotency key is for the whole segment
                    occasion=sealed.path.stem,
                )
        remove(sealed.path)
        return SentSegment(0, 0) if segment is None else SentSegment(len(segment.digests), segment.damaged)

    def _collected_at(self, header: SegmentHeader) -> datetime:
        """Return the start (midnight, UTC) of the day on which the items of a segment were added.

        If the model was first served on this day, return the time when it was first served.
        """
        if header.model not in self._served_from:
            self._served_from[header.model] = self._client.model(header.model).served_from
        midnight, served_from = datetime.combine(header.day, time(), UTC), self._served_from[header.model]
        return served_from if served_from is not None and served_from.date() == header.day else midnight

    def _check_profile(self, header: SegmentHeader) -> None:
        """Raise WrongProfile if the profiles differ. Checked here, as a recorder can start without a registry."""
        if header.dataset not in self._profiles:
            self._profiles[header.dataset] = self._client.dataset(header.dataset).profile
        check_profile(header, self._profiles[header.dataset])


def check_profile(header: SegmentHeader, profile: Profile) -> None:
    """Raise WrongProfile if `profile`, that of the dataset, is not the profile of the items."""
    if profile != header.profile:
        raise WrongProfile(
            f"The dataset {header.dataset} has the digest profile {profile}, but these items were hashed under"
            f" {header.profile}. Create the Recorder with profile={profile!r}, or use another dataset."
        )


class SenderThread:
    """A thread that sends the sealed segments of a spool: every `seconds`, or at once when a segment is full.

    After each failure, the pause is doubled, up to a minute, and the unsent segments are written to the disk (fsync).
    """

    def __init__(self, sender: SegmentSender, spool: SpoolWriter, seconds: float) -> None:
        self._sender, self._spool, self._seconds = sender, spool, seconds
        #: Counts since the start, and the error message of the last attempt; None if it succeeded.
        self.sent = self.damaged = 0
        self.problem: str | None = None
        #: Why the last segment was refused for good; and the number of segments that were not refused before.
        self.refusal: str | None = None
        self._newly_refused = 0
        self._flushes_requested = self._flushes_done = 0
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="firsthand-recorder", daemon=True)
        self._thread.start()

    def flush(self, timeout: float) -> bool:
        """Send all items now, for at most `timeout` seconds. Return whether none is left, and none was refused now."""
        with self._spool.changed:
            self._flushes_requested += 1
            number, refused = self._flushes_requested, self._newly_refused
            self._spool.changed.notify_all()
            self._spool.changed.wait_for(lambda: self._flushes_done >= number, timeout)
            return self._spool.is_empty and self._newly_refused == refused

    def stop(self) -> bool:
        """Stop the thread. Return False if it is still in a request, and so still uses the spool."""
        with self._spool.changed:
            self._stopping = True
            self._spool.changed.notify_all()
        self._thread.join(1.0)
        return not self._thread.is_alive()

    def _run(self) -> None:
        failures, last = 0, clock.monotonic()
        while self._wait(failures, last):
            with self._spool.changed:
                flushes = self._flushes_requested
                # Full segments are sent at once, without sealing the open one. After failures it fills up first.
                if flushes > self._flushes_done or (not failures and clock.monotonic() - last >= self._seconds):
                    self._spool.seal()
                    last = clock.monotonic()
                segments = self._spool.sealed
            failures = 0 if self._send(segments) else failures + 1
            last = clock.monotonic() if failures else last
            with self._spool.changed:
                self._flushes_done = flushes
                self._spool.changed.notify_all()

    def _wait(self, failures: int, last: float) -> bool:
        """Wait until it is time to send again; `last` is the time of the last one. Return False if the thread stops."""
        pause = min(self._seconds * 2.0**failures, max(self._seconds, _LONGEST_PAUSE))

        def is_due() -> bool:
            flush_requested = self._flushes_requested > self._flushes_done
            return self._stopping or flush_requested or (not failures and bool(self._spool.sealed))

        with self._spool.changed:
            self._spool.changed.wait_for(is_due, max(0.0, last + pause - clock.monotonic()))
            return not self._stopping

    def _send(self, segments: list[SealedSegment]) -> bool:
        """Send each segment. Return whether all were sent. If not, write the others to the disk."""
        problems: list[str] = []
        for segment in segments:
            try:
                sent = self._sender.send(segment)
                with self._spool.changed:
                    self._spool.forget(segment)
                    self.sent += sent.items
                    self.damaged += sent.damaged
            except _REGISTRY_UNAVAILABLE as error:
                problems.append(str(error))
                break
            except _REFUSED_FOR_GOOD as error:
                self._set_aside(segment, str(error))
            except ContentError as error:
                self._spool.pass_over(segment)
                _log.warning("a file in the spool is passed over: %s", escape_controls(str(error), keep="\n"))
            except Exception as error:  # only this segment is affected: send the others, and keep the thread alive
                problems.append(str(error))
        self._note(problems[0] if problems else None)
        if problems:
            try:
                self._spool.sync()
            except OSError as error:
                _log.warning(
                    "the spool cannot be written to the disk, so a power failure can lose it; check the disk: %s", error
                )
        return not problems

    def _set_aside(self, segment: SealedSegment, reason: str) -> None:
        """Keep a segment that was refused for good apart from the others, and tell the user once."""
        new = self._spool.refuse(segment, reason)
        with self._spool.changed:
            self.refusal = reason
            self._newly_refused += new
        if new:
            _log.warning(
                "the registry refused %d items for good, so they are kept apart. Correct the cause; the next recorder"
                " sends them again. To see or remove them: firsthand spool list|drop. The reason: %s",
                segment.items,
                escape_controls(reason, keep="\n"),
            )

    def _note(self, problem: str | None) -> None:
        """Store the message of the problem, and log it if it has changed."""
        with self._spool.changed:
            before, self.problem = self.problem, problem
        if problem is not None and problem != before:
            shown = escape_controls(problem, keep="\n")
            _log.warning("items could not be sent; they remain in the spool, and are sent later: %s", shown)
        elif problem is None and before is not None:
            _log.warning("sending works again")
