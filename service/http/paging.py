"""Keyset pages: a cursor is the key of the last entry, made opaque so that nobody builds one. Pure."""

from base64 import b64decode, urlsafe_b64encode
from binascii import Error
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from pydantic import BaseModel

from firsthand.schemas.base import Page
from service.errors import Unprocessable

Entry = TypeVar("Entry", bound=BaseModel)


class Paging(NamedTuple):
    """Where a page begins, and how long it may be."""

    after: str
    limit: int

    def page(self, entries: Sequence[Entry], key: Callable[[Entry], str]) -> Page[Entry]:
        """The page of what was read, `limit + 1` entries if there are more."""
        shown = list(entries[: self.limit])
        more = len(entries) > self.limit
        return Page(items=shown, next=urlsafe_b64encode(key(shown[-1]).encode()).decode() if more else None)

    def position(self) -> int:
        """The cursor of a list in the order of the log."""
        if not self.after:
            return 0
        if not self.after.isdecimal() or len(self.after) > 16:
            raise Unprocessable.at("cursor", "not one of this list")
        return int(self.after)


def decode(cursor: str | None) -> str:
    """The key in a cursor; of none, what comes before every key."""
    try:
        after = b64decode(cursor or "", altchars=b"-_", validate=True).decode()
    except (Error, UnicodeError, ValueError):
        after = "\x00"
    if "\x00" in after:
        raise Unprocessable.at("cursor", "not one that this registry gave")
    return after
