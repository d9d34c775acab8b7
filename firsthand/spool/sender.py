"""A spooled segment → one registration, and the segment is gone."""

from contextlib import suppress
from datetime import UTC, datetime, time
from typing import NamedTuple

from firsthand.client import Client
from firsthand.core.digests import Profile
from firsthand.errors import FirsthandError, Withdrawn
from firsthand.files.inputs import Digested
from firsthand.spool.segment import Header, Sealed, Segment, read


class WrongProfile(FirsthandError):
    """Items were hashed under another profile than their dataset's."""


class Sent(NamedTuple):
    """Items that the registry acknowledged, and records that had to be left out."""

    items: int
    damaged: int


class Sender:
    """Sends segments by a client; with `sizes`, the size of each item too."""

    def __init__(self, client: Client, sizes: bool) -> None:
        self._client, self._sizes = client, sizes
        self._profiles: dict[str, Profile] = {}
        self._served_from: dict[str, datetime | None] = {}

    def send(self, sealed: Sealed) -> Sent:
        """Register a segment, then remove it. Raises FirsthandError or OSError, and the segment stays."""
        segment = read(sealed.path)
        if segment is not None and len(segment.digests):
            self._check_profile(segment.header)
            self._register(segment, sealed.path.stem)
        sealed.path.unlink()
        return Sent(0, 0) if segment is None else Sent(len(segment.digests), segment.damaged)

    def _register(self, segment: Segment, occasion: str) -> None:
        said = segment.header
        with suppress(Withdrawn):  # it was registered, and the answer not heard; who withdrew it since meant that
            self._client.register(
                said.dataset,
                Digested(segment.digests),
                origin="model",
                model=said.model,
                evidence=said.evidence,
                collected_at=self._collected_at(said),
                sizes=segment.sizes if self._sizes else None,
                batch=len(segment.digests),  # one request: what makes sending it again harmless is of the whole segment
                occasion=occasion,
            )

    def _collected_at(self, said: Header) -> datetime:
        """The first second of the day; on a model's first day the moment from which it was served, which is known."""
        if said.model not in self._served_from:
            self._served_from[said.model] = self._client.model(said.model).served_from
        midnight, served_from = datetime.combine(said.day, time(), UTC), self._served_from[said.model]
        return served_from if served_from is not None and served_from.date() == said.day else midnight

    def _check_profile(self, said: Header) -> None:
        """Asked of the registry before the first sending, not when a recorder begins: it may begin without one."""
        if said.dataset not in self._profiles:
            self._profiles[said.dataset] = self._client.dataset(said.dataset).profile
        profile = self._profiles[said.dataset]
        if profile != said.profile:
            raise WrongProfile(
                f"{said.dataset} has the digest profile {profile}, and items here were hashed under {said.profile}; "
                f"give the recorder profile={profile!r}, or another dataset"
            )
