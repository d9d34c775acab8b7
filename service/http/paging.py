"""Pages of lists. A cursor is the key of the last entry of a page, encoded so that callers do not build their own."""

from base64 import b64decode, urlsafe_b64encode
from binascii import Error
from collections.abc import Callable, Sequence
from typing import Annotated, NamedTuple, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel

from firsthand.schemas.base import Page
from service.errors import Unprocessable
from service.http.budgets import LISTED_ENTRIES_PER_UNIT, SpendingOf

Entry = TypeVar("Entry", bound=BaseModel)


class Paging(NamedTuple):
    """The key after which a page begins, and the most entries on it."""

    after: str
    limit: int

    def page(self, entries: Sequence[Entry], key: Callable[[Entry], str]) -> Page[Entry]:
        """Return the page of `entries`, which are `limit + 1` if there are more than the page shows."""
        shown = list(entries[: self.limit])
        more = len(entries) > self.limit
        return Page(items=shown, next=urlsafe_b64encode(key(shown[-1]).encode()).decode() if more else None)

    def position(self) -> int:
        """Return the cursor of a list in the order of the log; 0 if there is none. Raises Unprocessable."""
        if not self.after:
            return 0
        if not self.after.isdecimal() or len(self.after) > 16:
            raise Unprocessable.at("cursor", "this cursor is from another list; use `next` of a page of this list")
        return int(self.after)


def decode(cursor: str | None) -> str:
    """Return the key in a cursor; without one, the empty key, which is before every other. Raises Unprocessable."""
    try:
        after = b64decode(cursor or "", altchars=b"-_", validate=True).decode()
    except (Error, UnicodeError, ValueError):
        after = "\x00"
    if "\x00" in after:
        raise Unprocessable.at("cursor", "this is not a cursor of this registry; use `next` of the page before")
    return after


async def _paging(
    spending: SpendingOf,
    cursor: Annotated[
        str | None, Query(max_length=1000, description="`next` of the page before. Default: the first page.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="The most entries on the page.")] = 100,
) -> Paging:
    spending.spend(limit / LISTED_ENTRIES_PER_UNIT)
    return Paging(decode(cursor), limit)


#: The page that a request asks for.
Pages = Annotated[Paging, Depends(_paging)]
