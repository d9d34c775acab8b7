"""Firsthand: a registry of the origin of training data.

A pipeline uses `Client` (all calls of a registry), `Snapshot` (look-ups without a network), `annotate` (verdicts on a
batch of rows) and `gate` (limits on the share of model output). A model server uses `Recorder`, which registers the
output of the model. All errors derive from `FirsthandError`.
"""

import sys
from importlib import import_module
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
    GateRefused,
    InvalidArgument,
    NotFound,
    NotUnderstood,
    ProblemError,
    Refused,
    RowError,
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
    from firsthand.checking.gate import FileShare, GateResult, gate

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
    "FileShare",
    "FirsthandError",
    "Forbidden",
    "GateRefused",
    "GateResult",
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
    "RowError",
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
    "gate",
    "synthetic_share",
]


#: Names that are imported at their first use: importing pyarrow takes as long as importing the rest of this package.
_MODULES = {
    "annotate": "firsthand.checking.annotate",
    "gate": "firsthand.checking.gate",
    "GateResult": "firsthand.checking.gate",
    "FileShare": "firsthand.checking.gate",
}


def __getattr__(name: str) -> Any:
    """Import a name of `_MODULES` at its first use."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)
