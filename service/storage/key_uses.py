"""The last use of API keys: noted in memory by requests, and written by a background thread, once per hour and key."""

import threading

from sqlalchemy import or_, update

from service.storage import tables
from service.storage.api_keys import StoredKey
from service.storage.engine import Database, now

#: A use is written only if the stored use is at least this number of seconds older.
PRECISION_SECONDS = 3600


class KeyUses:
    """The uses of keys in one process that are not written to the database yet."""

    def __init__(self) -> None:
        self._lock, self._last_use = threading.Lock(), dict[str, int]()

    def note(self, key: StoredKey) -> None:
        """Note that a key was just used. This costs no access to the database."""
        time = now()
        if key.last_used_at is None or key.last_used_at <= time - PRECISION_SECONDS:
            with self._lock:
                self._last_use[key.id] = time

    def write(self, database: Database) -> None:
        """Write the noted uses to the database. If another process has written a later use of a key, it stays."""
        with self._lock:
            uses, self._last_use = self._last_use, {}
        columns = tables.keys.c
        for id_, time in sorted(uses.items()):
            older = or_(columns.last_used_at.is_(None), columns.last_used_at <= time - PRECISION_SECONDS)
            with database.writes() as session:
                session.execute(update(tables.keys).where(columns.id == id_, older).values(last_used_at=time))
