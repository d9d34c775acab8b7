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

#: Errors of the registry or the connection: the other segments cannot be sent either.
_REGISTRY_UNAVAILABLE = (Unreachable, NotUnderstood, Busy, ServerFault, Unauthorized)


class WrongProfile(FirsthandError):
    """The digest profile of the items is not the profile of their dataset."""


#: Errors of one segment: the registry refuses it again until a person corrects the cause.
_REFUSED_FOR_GOOD = (BadRequest, Conflict, Forbidden, NotFound, Refused, TooLarge, WrongProfile)


class SentSegment(NamedTuple):
    """The number of items that the registry has registered, and the number of damaged records that were skipped."""

    items: int
    damaged: int


class SegmentSender:
    """Sends segments to the registry. With `sizes`, it also registers the size of each item."""

    def __init__(self, client: Client, sizes: bool) -> None:
        self._client, self._sizes = client, sizes
        self._profiles: dict[str, Profile] = {}
        self._served_from: dict[str, datetime | None] = {}

    def send(self, sealed: SealedSegment) -> SentSegment:
        """Register the items of a segment, then remove its file. Return the numbers of items.

        Raises FirsthandError or OSError if this fails: the file then stays. If the file does not exist, `firsthand
        spool drop` has removed it, and nothing is sent.
        """
        try:
            segment = read(sealed.path)
        except FileNotFoundError:
            return SentSegment(0, 0)
        if segment is not None and len(segment.digests):
            header = segment.header
            self._check_profile(header)
            # Withdrawn means: the segment was registered before, its answer was lost, and the items were then
            # withdrawn.
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

        If the model was first served on this day, return that time instead, because the registry refuses items that
        were collected before it.
        """
        if header.model not in self._served_from:
            self._served_from[header.model] = self._client.model(header.model).served_from
        midnight, served_from = datetime.combine(header.day, time(), UTC), self._served_from[header.model]
        return served_from if served_from is not None and served_from.date() == header.day else midnight

    def _check_profile(self, header: SegmentHeader) -> None:
        """Raise WrongProfile if the dataset and the segment have different digest profiles.

        The Recorder cannot always check this when it starts, because it can start without a registry.
        """
        if header.dataset not in self._profiles:
            self._profiles[header.dataset] = self._client.dataset(header.dataset).profile
        check_profile(header, self._profiles[header.dataset])


def check_profile(header: SegmentHeader, profile: Profile) -> None:
    """Raise WrongProfile if `profile` (of the dataset) is not the digest profile of the items in `header`."""
    if profile != header.profile:
        raise WrongProfile(
            f"The dataset {header.dataset} has the digest profile {profile}, but these items were hashed under"
            f" {header.profile}. Create the Recorder with profile={profile!r}, or use another dataset."
        )


class SenderThread:
    """A thread that sends the segments of a spool: every `seconds` seconds, and at once when a segment is full.

    After each failure, the pause is doubled, up to a minute, and the segments that are not sent are written to the disk
    (fsync).
    """

    def __init__(self, sender: SegmentSender, spool: SpoolWriter, seconds: float) -> None:
        self._sender, self._spool, self._seconds = sender, spool, seconds
        #: The numbers of sent items and damaged records since the start. `problem` is the error message of the last
        #: attempt; None if it succeeded.
        self.sent = self.damaged = 0
        self.problem: str | None = None
        #: Why the registry refused the last refused segment. `_newly_refused` counts the segments that were refused for
        #: the first time.
        self.refusal: str | None = None
        self._newly_refused = 0
        self._flushes_requested = self._flushes_done = 0
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="firsthand-recorder", daemon=True)
        self._thread.start()

    def flush(self, timeout: float) -> bool:
        """Send all items now. Wait until this is done, for at most `timeout` seconds.

        Return True if the spool is empty and the registry refused no segment during the call.
        """
        with self._spool.changed:
            self._flushes_requested += 1
            number, refused = self._flushes_requested, self._newly_refused
            self._spool.changed.notify_all()
            self._spool.changed.wait_for(lambda: self._flushes_done >= number, timeout)
            return self._spool.is_empty and self._newly_refused == refused

    def stop(self) -> bool:
        """Stop the thread, and wait up to one second for its end.

        Return False if the thread still runs, because a request is not finished. It then still uses the spool.
        """
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
                # Full segments are sent at once, without sealing the open one. After failures, it is first filled.
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
        """Wait until the next attempt to send. Return False if the thread must stop.

        `last` is the time of the last attempt.
        """
        pause = min(self._seconds * 2.0**failures, max(self._seconds, _LONGEST_PAUSE))

        def is_due() -> bool:
            flush_requested = self._flushes_requested > self._flushes_done
            return self._stopping or flush_requested or (not failures and bool(self._spool.sealed))

        with self._spool.changed:
            self._spool.changed.wait_for(is_due, max(0.0, last + pause - clock.monotonic()))
            return not self._stopping

    def _send(self, segments: list[SealedSegment]) -> bool:
        """Send these segments. Return whether all were sent or refused. If not, write the spool to the disk."""
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
                _log.warning("a file in the spool is not sent: %s", escape_controls(str(error), keep="\n"))
            except Exception as error:  # only this segment is affected: send the others, and keep the thread alive
                problems.append(str(error))
        self._note(problems[0] if problems else None)
        if problems:
            try:
                self._spool.sync()
            except OSError as error:
                _log.warning(
                    "the spool cannot be written to the disk, so a power failure can lose its items; check the disk:"
                    " %s",
                    error,
                )
        return not problems

    def _set_aside(self, segment: SealedSegment, reason: str) -> None:
        """Move a segment that was refused permanently to the refused segments. Log a warning at its first refusal."""
        new = self._spool.refuse(segment, reason)
        with self._spool.changed:
            self.refusal = reason
            self._newly_refused += new
        if new:
            _log.warning(
                "the registry refused %d items. They stay in the spool, and the next recorder sends them again. Correct"
                " the cause before, or remove the items (firsthand spool list, firsthand spool drop). The reason: %s",
                segment.items,
                escape_controls(reason, keep="\n"),
            )

    def _note(self, problem: str | None) -> None:
        """Store the error message of the last attempt, and log it if it has changed."""
        with self._spool.changed:
            before, self.problem = self.problem, problem
        if problem is not None and problem != before:
            shown = escape_controls(problem, keep="\n")
            _log.warning(
                "items could not be sent; they stay in the spool and will be sent later. The reason: %s", shown
            )
        elif problem is None and before is not None:
            _log.warning("sending works again")
