"""Firsthand: the registry that knows which training data is firsthand.

What a pipeline needs stands here: a `Client`, the forms in which it takes items that are digests already, and the
errors it raises; `annotate`, which tells of a batch of rows what is known of each. What a model's serving path needs is
the `Recorder`. The vocabulary is in the modules: `digests`, `verdicts`, `selection`, `schemas`.
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

if sys.platform != "win32":  # a spool is locked as POSIX systems lock: let go of whenever a process ends
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
    """`annotate` when it is asked for: pyarrow takes as long to import as all else."""
    if name != "annotate":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from firsthand.checking.annotate import annotate

    return annotate
