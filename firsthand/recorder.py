"""The Recorder: a model's output, registered from its serving path without waiting for anybody.

    with Recorder(client, model="acme/writer@1", dataset="acme/answers") as recorder:
        recorder.add(text)

`add` hashes the text and appends its digest to a file. A thread of the recorder's own sends what has gathered.
"""

import hashlib
import logging
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from types import TracebackType
from typing import Literal, Self
from urllib.parse import urlsplit

import platformdirs

from firsthand.client import Client
from firsthand.core.digests import Profile, text_bytes
from firsthand.errors import Busy, FirsthandError, NotUnderstood, ServerFault, Unauthorized, Unreachable
from firsthand.schemas.registrations import Evidence
from firsthand.spool.segment import HEADER_BYTES, RECORD_BYTES, Header, Sealed, Spool, Writer, sync
from firsthand.spool.sender import Sender, Sent

_log = logging.getLogger(__name__)

_DAY = 86_400
_LONGEST_PAUSE = 60.0

#: Nothing else can be sent either as long as it is so.
_NOBODY = (Unreachable, NotUnderstood, Busy, ServerFault, Unauthorized)


class SpoolFull(FirsthandError, OSError):
    """There is no room for another item, and the recorder was told to say so."""


@dataclass(frozen=True)
class Counts:
    """What became of the texts given to a recorder, since it began."""

    #: Spooled: `add` returned True.
    spooled: int
    #: Left out because they are short.
    short: int
    #: Lost for want of room.
    dropped: int
    #: Acknowledged by the registry, also those that a recorder before this one had spooled.
    sent: int
    #: In the spool now.
    waiting: int
    #: Records of the spool whose checksum was wrong.
    damaged: int
    #: Why the last attempt to send failed; None when it did not.
    problem: str | None


class Recorder:
    """Registers a model's output: `add` each text; what it does is counted in `counts`.

    **Never waits.** `add` costs the hashing of its text and one write to a file, and never touches the network. Items
    are sent by a thread, every `seconds` or as soon as `batch` of them are there: each time one registration, of the
    day (UTC) on which they were made and no more exact time.

    **Loses nothing that is spooled** when its process is killed: the next recorder on the same folder sends it, and
    what was sent before without the answer being heard is registered once. A power failure may take what was added
    since the last round of sending; what a round cannot send it has the disk keep (fsync). Only digests and sizes are
    on disk, never a text. Processes may share a folder, on a local disk; by default there is one for each registry in
    the user's own data folder.

    **Short texts** are left out: "Yes." says nothing of who wrote it, and claiming it would turn people's text into a
    model's. `min_bytes` is of the text as it is hashed. With `sizes` the bytes of each are registered too, for mixes of
    unit `size`.

    **When there is no room** (`max_bytes` of spool, or the disk is full) an item is dropped and counted, or `add`
    raises SpoolFull with `when_full="raise"`; what is spooled stays. What the registry refuses (an unknown dataset,
    say) stays in the spool too and is tried again each minute: `counts.problem` says why.

    Threads may share a recorder. A process that forks makes its own after the fork.
    """

    def __init__(
        self,
        client: Client,
        *,
        model: str,
        dataset: str,
        evidence: Evidence = "generator",
        profile: Profile = "text-1",
        spool: Path | str | None = None,
        min_bytes: int = 200,
        sizes: bool = False,
        batch: int = 10_000,
        seconds: float = 5.0,
        max_bytes: int = 2**30,
        when_full: Literal["drop", "raise"] = "drop",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._sender, self._profile = Sender(client, sizes), profile
        self._header = Header(dataset=dataset, model=model, evidence=evidence, profile=profile, day=date.min)
        self._min_bytes, self._batch, self._seconds = min_bytes, batch, seconds
        self._max_bytes, self._raises = max_bytes, when_full == "raise"
        self._spool = Spool(default_folder(client.url) if spool is None else Path(spool))
        self._sealed = self._spool.left_over()
        self._bytes = sum(HEADER_BYTES + RECORD_BYTES * each.items for each in self._sealed)
        self._clock = clock
        self._writer: Writer | None = None
        self._day = 0
        self._spooled = self._short = self._dropped = self._sent = self._damaged = 0
        self._problem: str | None = None
        self._synced: set[Path] = set()
        self._state = threading.Condition()
        self._asked = self._done = 0
        self._closing = self._closed = False
        self._process = os.getpid()
        self._thread = threading.Thread(target=self._run, name="firsthand-recorder", daemon=True)
        self._thread.start()

    def add(self, text: str) -> bool:
        """Take a text that the model made. Returns whether it is spooled; raises SpoolFull where asked to."""
        if os.getpid() != self._process:  # before the lock, which another thread may have held at the fork
            raise ValueError("this recorder is another process's; make one in each process that serves")
        content = text_bytes(text, self._profile)
        if len(content) < self._min_bytes:
            with self._state:
                self._short += 1
            return False
        digest, day = hashlib.sha256(content).digest(), int(self._clock()) // _DAY
        with self._state:
            try:
                self._append(digest, min(len(content), 2**32 - 1), day)
            except OSError as error:
                return self._no_room(error)
        return True

    def _append(self, digest: bytes, size: int, day: int) -> None:
        if self._closed:
            raise ValueError("this recorder is closed; make another one on the same folder")
        if self._bytes + RECORD_BYTES > self._max_bytes:
            raise OSError(f"the spool holds {self._bytes:,} bytes of at most {self._max_bytes:,}")
        if self._writer is None or day != self._day:
            self._begin(day)
        assert self._writer is not None
        self._writer.append(digest, size)
        self._bytes += RECORD_BYTES
        self._spooled += 1
        if self._writer.items >= self._batch:
            self._seal()
            self._state.notify_all()

    def _begin(self, day: int) -> None:
        self._seal()
        header = self._header.model_copy(update={"day": datetime.fromtimestamp(day * _DAY, UTC).date()})
        self._writer, self._day = self._spool.open(header), day
        self._bytes += HEADER_BYTES

    def _seal(self) -> None:
        if self._writer is not None:
            self._writer.close()
            self._sealed.append(Sealed(self._writer.path, self._writer.items))
            self._writer = None

    def _no_room(self, error: OSError) -> bool:
        self._dropped += 1
        if self._raises:
            raise SpoolFull(f"no room for another item: {error}") from error
        if self._dropped == 1:
            _log.warning("no room for another item, which is dropped and counted: %s", error)
        return False

    @property
    def counts(self) -> Counts:
        with self._state:
            waiting = sum(each.items for each in self._sealed) + (self._writer.items if self._writer else 0)
            done = self._spooled, self._short, self._dropped, self._sent
            return Counts(*done, waiting, self._damaged, self._problem)

    def flush(self, timeout: float = 30.0) -> bool:
        """Send now what is spooled, for at most `timeout` seconds. Returns whether nothing is left."""
        with self._state:
            self._asked += 1
            mine = self._asked
            self._state.notify_all()
            self._state.wait_for(lambda: self._done >= mine, timeout)
            return not self._sealed and self._writer is None

    def close(self, timeout: float = 30.0) -> None:
        """Send what is spooled, for at most `timeout` seconds; what is left waits for the next recorder."""
        with self._state:
            if self._closed:
                return
            self._closed = True  # nothing is added any more, and all that was goes with the last round
        self.flush(timeout)
        with self._state:
            self._closing = True
            self._state.notify_all()
        self._thread.join(1.0)
        if not self._thread.is_alive():  # else it is in a request still, and its folders are its own until it ends
            self._spool.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    # What the thread does

    def _run(self) -> None:
        failures, last = 0, time.monotonic()
        while self._wait(failures, last):
            with self._state:
                asked = self._asked
                # a full segment goes at once, without what has just begun; while nobody hears, all grow to full size
                if asked > self._done or (not failures and time.monotonic() - last >= self._seconds):
                    self._seal()
                    last = time.monotonic()
                sealed = list(self._sealed)
            failures = 0 if self._round(sealed) else failures + 1
            last = time.monotonic() if failures else last
            with self._state:
                self._done = asked
                self._state.notify_all()

    def _wait(self, failures: int, last: float) -> bool:
        """Until the next round is due; False when there is none. `last` is when all that there was was sent."""
        pause = min(self._seconds * 2.0**failures, max(self._seconds, _LONGEST_PAUSE))

        def due() -> bool:
            return self._closing or self._asked > self._done or (not failures and bool(self._sealed))

        with self._state:
            self._state.wait_for(due, max(0.0, last + pause - time.monotonic()))
            return not self._closing

    def _round(self, sealed: list[Sealed]) -> bool:
        """Send each segment. Returns whether all are gone; what is not, the disk shall keep."""
        problems: list[str] = []
        for each in sealed:
            try:
                self._note(each, self._sender.send(each))
            except _NOBODY as error:
                problems.append(str(error))
                break
            except Exception as error:  # of this one segment: the thread outlives it, and another may well be sent
                problems.append(str(error))
        self._tell(problems[0] if problems else None)
        if problems:
            self._keep()
        return not problems

    def _note(self, sealed: Sealed, sent: Sent) -> None:
        with self._state:
            self._sealed.remove(sealed)
            self._bytes -= HEADER_BYTES + RECORD_BYTES * sealed.items
            self._sent += sent.items
            self._damaged += sent.damaged

    def _tell(self, problem: str | None) -> None:
        with self._state:
            before, self._problem = self._problem, problem
        if problem != before:
            _log.warning("not sent, and kept: %s" if problem else "sent again%s", problem or "")

    def _keep(self) -> None:
        with self._state:
            here = [each.path for each in self._sealed] + ([self._writer.path] if self._writer else [])
        try:
            sync([path for path in here if path not in self._synced])
        except OSError as error:
            _log.warning("the spool is not safe from a power failure: %s", error)
        self._synced = set(here[:-1])  # the last one may still grow


def default_folder(url: str) -> Path:
    """Where the items for a registry wait unless told otherwise: FIRSTHAND_SPOOL_DIR, or the user's data folder."""
    root = os.environ.get("FIRSTHAND_SPOOL_DIR") or Path(platformdirs.user_data_dir("firsthand")) / "spool"
    return Path(root) / urlsplit(url).netloc.replace(":", "_")
