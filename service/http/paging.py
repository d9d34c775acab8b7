"""Pages of lists.

A cursor is the key of the last entry of a page. It is encoded, because callers must not depend on its content.
"""

from base64 import b64decode, urlsafe_b64encode
from binascii import Error
from collections.abc import Callable, Sequence
from typing import Annotated, NamedTuple, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel

from firsthand.schemas.base import Page
from service.errors import Unprocessable
from service.http.limits.budgets import LISTED_ENTRIES_PER_UNIT, SpendingOf

Entry = TypeVar("Entry", bound=BaseModel)


class Paging(NamedTuple):
    """The requested page: it begins after the key `after` and has at most `limit` entries."""

    after: str
    limit: int

    def page(self, entries: Sequence[Entry], key: Callable[[Entry], str]) -> Page[Entry]:
        """Return a page with the first `limit` of these entries.

        If there are more, the page has a cursor for the next page.
        """
        shown = list(entries[: self.limit])
        more = len(entries) > self.limit
        return Page(items=shown, next=urlsafe_b64encode(key(shown[-1]).encode()).decode() if more else None)

    def position(self) -> int:
        """Return the position in the cursor, for a list in the order of positions; 0 if there is no cursor.

        Raises Unprocessable if the cursor is from another list.
        """
        if not self.after:
            return 0
        if not self.after.isdecimal() or len(self.after) > 16:
            raise Unprocessable.at("cursor", "this cursor is from another list; use `next` of a page of this list")
        return int(self.after)


def decode(cursor: str | None) -> str:
    """Return the key in a cursor. Without a cursor, return the empty text, which is before all keys.

    Raises Unprocessable if the cursor is not valid.
    """
    try:
        after = b64decode(cursor or "", altchars=b"-_", validate=True).decode()
    except (Error, UnicodeError, ValueError):
        after = "\x00"
    if "\x00" in after:
        raise Unprocessable.at("cursor", "this is not a cursor of this registry; use `next` of the previous page")
    return after


async def _paging(
    spending: SpendingOf,
    cursor: Annotated[
        str | None,
        Query(max_length=1000, description="The value `next` of the previous page. Default: the first page."),
    ] = None,
    limit: Annotated[int, Query(ge=1, le=1000, description="The maximum number of entries on the page.")] = 100,
) -> Paging:
    spending.spend(limit / LISTED_ENTRIES_PER_UNIT)
    return Paging(decode(cursor), limit)


#: The page that a request asks for.
Pages = Annotated[Paging, Depends(_paging)]
