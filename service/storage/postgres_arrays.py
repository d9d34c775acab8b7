"""Digests as PostgreSQL takes an array of them, built by numpy: no object for each, and nothing to quote.

The form is that of PostgreSQL's `array_recv`: dimensions, whether there are nulls, the type of the elements, the length
and lower bound of each dimension, then each element with its length before it; all big-endian.
"""

from typing import NamedTuple

import numpy as np
import psycopg
from psycopg.adapt import Dumper
from psycopg.pq import Format

from firsthand.core.digests import SIZE, Digests

_BYTEA, _BYTEA_ARRAY = 17, 1001
_ELEMENT = np.dtype([("length", ">i4"), ("digest", "u1", SIZE)])


class Asked(NamedTuple):
    """Digests as one parameter of a statement, `bytea[]`: `uint8[n, 32]`."""

    digests: Digests


class _AskedDumper(Dumper):
    format = Format.BINARY
    oid = _BYTEA_ARRAY

    def dump(self, obj: Asked) -> bytes:
        head = np.array([1, 0, _BYTEA, len(obj.digests), 1], dtype=">i4")
        elements = np.empty(len(obj.digests), dtype=_ELEMENT)
        elements["length"], elements["digest"] = SIZE, obj.digests
        return head.tobytes() + elements.tobytes()


psycopg.adapters.register_dumper(Asked, _AskedDumper)
