"""The Recorder: it registers the output of a model, in the process that serves the model.

    with Recorder(client, model="acme/writer@1", dataset="acme/answers") as recorder:
        recorder.add(text)

`add` hashes the text and appends its digest to a file on disk, the spool. It never waits for the network. A thread
sends the spooled digests to the registry.
"""

import hashlib
import logging
import os
import re
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
from firsthand.core.control_characters import escape_controls
from firsthand.core.digests import Profile, text_bytes
from firsthand.errors import FirsthandError, InvalidArgument, NotFound
from firsthand.schemas.explain import explain
from firsthand.schemas.registrations import Evidence
from firsthand.spool.segment import DAY_SECONDS, SegmentHeader, SpoolWriter
from firsthand.spool.sender import SegmentSender, SenderThread, check_profile

_log = logging.getLogger(__name__)

#: The maximum number of files whose names are in a warning.
_MOST_NAMED = 5


class SpoolFull(FirsthandError, OSError):
    """The spool or the disk is full, and the recorder was created with `when_full="raise"`."""


@dataclass(frozen=True)
class Counts:
    """The number of texts that a recorder spooled, ignored, dropped and sent since it was created."""

    #: Written to the spool: `add` returned True.
    spooled: int
    #: Ignored because they are shorter than `min_bytes`.
    short: int
    #: Lost because the spool or the disk was full.
    dropped: int
    #: Acknowledged by the registry, including items that an earlier recorder had spooled.
    sent: int
    #: In the spool now. They will be sent.
    waiting: int
    #: Records of the spool that were skipped because their checksum is wrong.
    damaged: int
    #: The error message of the last attempt to send; None if it succeeded.
    problem: str | None
    #: Refused by the registry, for example because the model does not exist, and not accepted until the cause is
    #: corrected. They stay on the disk. `firsthand spool list` shows them, and `firsthand spool drop` removes them.
    refused: int
    #: Why the registry refused the last of the refused items. None if none was refused.
    refusal: str | None
    #: The names of files in the spool that are not segments. They are ignored.
    passed_over: tuple[str, ...]


class Recorder:
    """A recorder of the output of one model: call `add` for each text that the model generates.

    **`add` never waits for the network.** It hashes the text and writes once to a file. A thread sends the spooled
    items every `seconds`, or as soon as there are `batch` items. Items that are sent together are one registration. Its
    time of collection is the day (UTC) on which the items were added.

    **Spooled items survive if the process is killed.** The next recorder on the same folder sends them. If items were
    sent but the answer was lost, they are sent again and registered only once. If an attempt to send fails, its items
    are written to the disk (fsync). So a power failure can lose only the items that were added since the last attempt.
    The spool contains only digests and sizes, never texts. `spool` is its folder, on a local disk. Processes can share
    the folder. By default, there is one folder per registry, in the user's data folder.

    **Short texts are ignored.** People also write short texts such as "Yes.". If such a text were registered, the same
    text from a person would get the verdict model. `min_bytes` is the minimum size in bytes, after the digest profile
    is applied. With `sizes`, the size of each item in bytes is registered too, for mixes with the unit `size`.

    **If the spool has `max_bytes` bytes, or the disk is full,** the new item is dropped and counted. With
    `when_full="raise"`, `add` raises SpoolFull. Items in the spool remain there.

    **If the registry refuses items** (for example because the model is not registered), they are moved aside, and other
    items are still sent. `counts.refused` is their number, and `counts.refusal` is the last reason. The next recorder
    on the folder sends them once more. `firsthand spool list` shows them, and `firsthand spool drop` removes them.

    Threads can share a recorder. After a fork, each process must create its own recorder. In a child process, the
    recorder of the parent raises ValueError in every call, except `close`, which does nothing. Raises InvalidArgument
    if an argument is not valid. If the registry answers within 5 s, raises NotFound if the dataset or the model does
    not exist, and WrongProfile if the dataset has another profile.
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
        _check_names(client, header)
        folder = default_folder(client.url) if spool is None else Path(spool)
        self._profile, self._min_bytes, self._raises, self._clock = profile, min_bytes, when_full == "raise", clock
        self._spool = SpoolWriter(folder, header, batch=batch, max_bytes=max_bytes)
        self._spooled = self._short = self._dropped = 0
        self._closed = False
        self._process = os.getpid()
        self._warn_of_other_files()
        self._sender = SenderThread(SegmentSender(client, sizes), self._spool, seconds)

    def add(self, text: str) -> bool:
        """Spool a text of the model. Return True if it was spooled, and False if it was too short or dropped.

        Raises SpoolFull if the spool or the disk is full and `when_full="raise"`. Raises ValueError if the recorder is
        closed or belongs to another process.
        """
        self._check_process()
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
                    raise SpoolFull(
                        f"The spool has no room for another item: {error}. Items leave the spool when the registry"
                        " confirms them, so first check that the registry is reachable. Otherwise, delete files to"
                        " make room on the disk, or create the Recorder with a larger max_bytes."
                    ) from error
                if self._dropped == 1:
                    _log.warning(
                        "The spool has no room for another item: %s. The item is dropped. Items that are dropped later"
                        " are only counted. Items leave the spool when the registry confirms them, so first check that"
                        " the registry is reachable. Otherwise, delete files to make room on the disk, or create the"
                        " Recorder with a larger max_bytes.",
                        error,
                    )
                return False
            self._spooled += 1
        return True

    @property
    def counts(self) -> Counts:
        """The counts of texts at this moment. Raises ValueError if the recorder belongs to another process."""
        self._check_process()
        with self._spool.changed:
            return Counts(
                self._spooled,
                self._short,
                self._dropped,
                self._sender.sent,
                self._spool.waiting,
                self._sender.damaged,
                self._sender.problem,
                self._spool.refused,
                self._sender.refusal,
                tuple(map(str, self._spool.passed_over)),
            )

    def flush(self, timeout: float = 30.0) -> bool:
        """Send all spooled items now, for at most `timeout` seconds. Return whether all were sent.

        Items that were refused before this call do not count. Raises ValueError if the recorder belongs to another
        process.
        """
        self._check_process()
        return self._sender.flush(timeout)

    def close(self, timeout: float = 30.0) -> None:
        """Send all spooled items, for at most `timeout` seconds, and end the recorder.

        The next recorder on the folder sends the items that remain. In a forked child, this does nothing: the folder
        belongs to the parent.
        """
        if os.getpid() != self._process:
            return
        with self._spool.changed:
            if self._closed:
                return
            self._closed = True  # no item is added after this, so the flush sends all items
        self._sender.flush(timeout)
        if self._sender.stop():  # if False, a request still runs, and uses the folders until the process ends
            self._spool.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _check_process(self) -> None:
        """Raise ValueError in a forked child.

        Call this before taking the lock: another thread of the parent may have held the lock during the fork.
        """
        if os.getpid() != self._process:
            raise ValueError("this recorder belongs to another process; create one in each process, after the fork")

    def _warn_of_other_files(self) -> None:
        passed_over = [escape_controls(str(path)) for path in self._spool.passed_over]
        if passed_over:
            more = f" and {len(passed_over) - _MOST_NAMED} more" if len(passed_over) > _MOST_NAMED else ""
            _log.warning(
                "the spool has files that are not segments or are damaged; they are ignored. Move them to another"
                " folder: %s%s",
                ", ".join(passed_over[:_MOST_NAMED]),
                more,
            )


def _check_names(client: Client, header: SegmentHeader) -> None:
    """Raise NotFound or WrongProfile if the registry answers that it would refuse the items.

    If the registry does not answer, or does not accept the key, nothing is raised: a model server must not wait for the
    registry.
    """
    try:
        profile = client.dataset(header.dataset, once=True).profile
        client.model(header.model, once=True)
    except NotFound:
        raise
    except FirsthandError:
        return
    check_profile(header, profile)


def default_folder(url: str) -> Path:
    """Return the spool folder for a registry, in FIRSTHAND_SPOOL_DIR or in the user's data folder.

    The name of the folder is the host and port of the registry, without a password. Characters that could lead to
    another folder are replaced.
    """
    root = os.environ.get("FIRSTHAND_SPOOL_DIR") or Path(platformdirs.user_data_dir("firsthand")) / "spool"
    host_and_port = re.sub(r"[^\w.\[\]-]", "_", urlsplit(url).netloc.rpartition("@")[2])
    return Path(root) / (host_and_port if host_and_port.strip(".") else "_")
