"""Firsthand: a registry of the origin of training data.

A pipeline uses `Client` (all calls of a registry), `Snapshot` (look-ups without a network) and `annotate` (verdicts on
a batch of rows). A model server uses `Recorder`, which registers the output of the model. All errors derive from
`FirsthandError`.
"""

import sys
from typing import TYPE_CHECKING, Any

from firsthand.client import Client
from firsthand.core.verdicts import Share, synthetic_share
from firsthand.errors import (
    BadRequest,
    Busy,
    Conflict,
    ContentError,
    CredentialsError,
    FirsthandError,
    Forbidden,
    InvalidArgument,
    NotFound,
    NotUnderstood,
    ProblemError,
    Refused,
    ServerFault,
    SnapshotError,
    TooLarge,
    Unauthorized,
    Unreachable,
    Withdrawn,
)
from firsthand.files.inputs import Digest, Digested
from firsthand.http.lookup_result import Lookup
from firsthand.schemas.mixes import Part, Recipe
from firsthand.schemas.models import TrainedOn
from firsthand.schemas.registrations import NewStatement
from firsthand.snapshots import Snapshot

if sys.platform != "win32":  # the spool needs POSIX file locks, which the system releases when a process ends
    from firsthand.recorder import Counts, Recorder, SpoolFull

if TYPE_CHECKING:
    from firsthand.checking.annotate import annotate

__all__ = [
    "BadRequest",
    "Busy",
    "Client",
    "Conflict",
    "ContentError",
    "Counts",
    "CredentialsError",
    "Digest",
    "Digested",
    "FirsthandError",
    "Forbidden",
    "InvalidArgument",
    "Lookup",
    "NewStatement",
    "NotFound",
    "NotUnderstood",
    "Part",
    "ProblemError",
    "Recipe",
    "Recorder",
    "Refused",
    "ServerFault",
    "Share",
    "Snapshot",
    "SnapshotError",
    "SpoolFull",
    "TooLarge",
    "TrainedOn",
    "Unauthorized",
    "Unreachable",
    "Withdrawn",
    "annotate",
    "synthetic_share",
]


def __getattr__(name: str) -> Any:
    """Import `annotate` at its first use: importing pyarrow takes as long as importing the rest of this package."""
    if name != "annotate":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from firsthand.checking.annotate import annotate

    return annotate
