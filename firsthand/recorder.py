"""The Recorder: it registers the output of a model from the process that serves the model, without delay.

    with Recorder(client, model="acme/writer@1", dataset="acme/answers") as recorder:
        recorder.add(text)

`add` hashes the text and appends its digest to a file, the spool. A thread sends the spooled digests to the registry.
"""

import hashlib
import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Literal, Self
from urllib.parse import urlsplit

import platformdirs
from pydantic import ValidationError

from firsthand.client import Client
from firsthand.core.digests import Profile, text_bytes
from firsthand.errors import FirsthandError, InvalidArgument
from firsthand.schemas.explain import explain
from firsthand.schemas.registrations import Evidence
from firsthand.spool.segment import DAY_SECONDS, SegmentHeader, SpoolWriter
from firsthand.spool.sender import SegmentSender, SenderThread

_log = logging.getLogger(__name__)


class SpoolFull(FirsthandError, OSError):
    """There is no room for another item, and the recorder was created with `when_full="raise"`."""


@dataclass(frozen=True)
class Counts:
    """The number of texts of a recorder since it was created, by what happened to them."""

    #: Written to the spool: `add` returned True.
    spooled: int
    #: Ignored because they are short.
    short: int
    #: Lost because there was no room.
    dropped: int
    #: Acknowledged by the registry, with those that an earlier recorder had spooled.
    sent: int
    #: In the spool now.
    waiting: int
    #: Records of the spool with a wrong checksum.
    damaged: int
    #: Why the last attempt to send failed; None if it did not fail.
    problem: str | None


class Recorder:
    """Registers the output of a model: call `add` for each text. `counts` says what happened to them.

    **It never waits.** `add` hashes its text and writes once to a file; it never uses the network. A thread sends the
    items every `seconds`, or as soon as there are `batch` of them. Each time they are one registration, with the day
    (UTC) on which they were made as its time.

    **It loses nothing that is spooled** if the process is killed. The next recorder on the same folder sends it. Items
    that were sent, but whose answer was lost, are registered once. A power failure can take what was added since the
    last attempt to send; what an attempt cannot send is stored by the disk (fsync). Only digests and sizes are on disk,
    never texts. Processes can share a folder on a local disk; by default there is one per registry, in the user's data
    folder.

    **Short texts are ignored.** A text like "Yes." does not show who wrote it, and to claim it would turn texts of
    people into output of the model. `min_bytes` is the size of the text as it is hashed. With `sizes` the size of each
    item in bytes is registered too, for mixes with the unit `size`.

    **If there is no room** (`max_bytes` of spool, or the disk is full), an item is dropped and counted; with
    `when_full="raise"`, `add` raises SpoolFull. What is spooled remains. Items that the registry refuses (for example
    because the dataset does not exist) remain in the spool too, and are tried again each minute; `counts.problem` says
    why.

    Threads can share a recorder. A process that forks must create its own recorder after the fork.
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
        try:
            header = SegmentHeader(dataset=dataset, model=model, evidence=evidence, profile=profile, day=date.min)
        except ValidationError as error:
            raise InvalidArgument(explain(error)) from None
        folder = default_folder(client.url) if spool is None else Path(spool)
        self._profile, self._min_bytes, self._raises, self._clock = profile, min_bytes, when_full == "raise", clock
        self._spool = SpoolWriter(folder, header, batch=batch, max_bytes=max_bytes)
        self._spooled = self._short = self._dropped = 0
        self._closed = False
        self._process = os.getpid()
        self._sender = SenderThread(SegmentSender(client, sizes), self._spool, seconds)

    def add(self, text: str) -> bool:
        """Spool a text that the model made. Return whether it is spooled; raise SpoolFull if this was requested."""
        if os.getpid() != self._process:  # before the lock, which another thread can have held during the fork
            raise ValueError("this recorder belongs to another process; create one in each process")
        content = text_bytes(text, self._profile)
        if len(content) < self._min_bytes:
            with self._spool.changed:
                self._short += 1
            return False
        digest, day = hashlib.sha256(content).digest(), int(self._clock()) // DAY_SECONDS
        with self._spool.changed:
            if self._closed:
                raise ValueError("this recorder is closed; create another one on the same folder")
            try:
                self._spool.append(digest, min(len(content), 2**32 - 1), day)
            except OSError as error:
                self._dropped += 1
                if self._raises:
                    raise SpoolFull(f"There is no room for another item: {error}") from error
                if self._dropped == 1:
                    _log.warning("there is no room for another item; it is dropped and counted: %s", error)
                return False
            self._spooled += 1
        return True

    @property
    def counts(self) -> Counts:
        """What happened to the texts until now."""
        with self._spool.changed:
            return Counts(
                self._spooled,
                self._short,
                self._dropped,
                self._sender.sent,
                self._spool.waiting,
                self._sender.damaged,
                self._sender.problem,
            )

    def flush(self, timeout: float = 30.0) -> bool:
        """Send everything in the spool now, for at most `timeout` seconds. Return whether the spool is empty."""
        return self._sender.flush(timeout)

    def close(self, timeout: float = 30.0) -> None:
        """Send everything, for at most `timeout` seconds. The next recorder on the folder sends what remains."""
        with self._spool.changed:
            if self._closed:
                return
            self._closed = True  # nothing is added after this, so the last round sends everything
        self._sender.flush(timeout)
        if self._sender.stop():  # otherwise it is still in a request, and uses the folders until the process ends
            self._spool.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()


def default_folder(url: str) -> Path:
    """Return the spool folder of a registry: in FIRSTHAND_SPOOL_DIR, or in the user's data folder."""
    root = os.environ.get("FIRSTHAND_SPOOL_DIR") or Path(platformdirs.user_data_dir("firsthand")) / "spool"
    return Path(root) / urlsplit(url).netloc.replace(":", "_")
