"""The errors that a pipeline can get from this package.

FirsthandError
├── Unreachable          no registry answers at the address
├── NotUnderstood        the answer is not one of a registry of this version
├── InvalidArgument      an argument has a value that no registry accepts
├── ContentError         one of the user's own files or items cannot be read or hashed
│   └── RowError         one row of a file cannot be read; the rows after it can be
├── CredentialsError     the address, key or time limit that is stored or set cannot be used
├── Withdrawn            the items were registered with the same arguments before, and then withdrawn
├── SnapshotError        a file of a snapshot is missing or damaged
└── ProblemError         the registry refused the request, and says why (RFC 9457)
    ├── BadRequest       400  the body is not what its content type says
    ├── Unauthorized     401  no key, or a key that is not valid
    ├── Forbidden        403  the key has not the scope, or belongs to another organization
    ├── NotFound         404
    ├── Conflict         409  the name is already used for something else
    ├── TooLarge         413  send less in one request
    ├── Refused          422  the request is understood, but cannot be accepted
    ├── Busy             429, 502, 503, 504, after all retries
    └── ServerFault      other 5xx
"""

from firsthand.schemas.explain import located
from firsthand.schemas.problems import Problem

_MOST_ERRORS_SHOWN = 10


class FirsthandError(Exception):
    """The base class. The message says what is wrong and what to do next."""


class Unreachable(FirsthandError):
    """No registry answered, also after all retries."""


class NotUnderstood(FirsthandError):
    """An answer that no registry of this version gives: another server, or another version."""


class InvalidArgument(FirsthandError, ValueError):
    """An argument of a call has a value that no registry accepts; the message names it and says what to use."""


class ContentError(FirsthandError, ValueError):
    """An item cannot be read or hashed; the message names it."""


class RowError(ContentError):
    """One row of a file cannot be read, and the rows after it can be: a caller can skip it.

    `file` is the path or URL, `row` the row in words (`line 3`), `number` the number in the row's name, `FILE:NUMBER`,
    and `reason` says what is wrong.
    """

    def __init__(self, file: str, row: str, number: int, reason: str) -> None:
        self.file, self.row, self.number, self.reason = file, row, number, reason
        super().__init__(file, row, number, reason)

    def __str__(self) -> str:
        return f"{self.file}, {self.row}: {self.reason}"


class CredentialsError(FirsthandError):
    """The address, key or time limit that is stored, or set in the environment, cannot be used."""


class Withdrawn(FirsthandError):
    """The same registration was made before, and then withdrawn, completely or for some of its items."""

    def __init__(self, registration: int, withdrawal: int | None, items: int) -> None:
        self.registration, self.withdrawal, self.items = registration, withdrawal, items
        withdrawn = f"{items:,} of them were withdrawn" if withdrawal is None else f"withdrawn at position {withdrawal}"
        super().__init__(
            f"These items were registered before with the same arguments (registration {registration}), and then"
            f" {withdrawn}.\n"
            "To register them again, use --again; in Python, pass an `occasion` that was not used before."
        )


class SnapshotError(FirsthandError):
    """A file of a snapshot is missing, damaged or of another format; the message names it."""


class ProblemError(FirsthandError):
    """The registry refused the request. `problem` is its complete answer."""

    #: What to do about errors of this kind; shown unless the registry says it too.
    advice = ""
    #: Whether the message says which key the request used.
    names_key = False

    def __init__(self, problem: Problem, key: str = "") -> None:
        self.problem, self.key = problem, key
        super().__init__(problem, key)

    def __str__(self) -> str:
        detail = self.problem.detail or self.problem.title
        errors = [located(error.where, error.message) for error in self.problem.errors]
        lines = [detail, *(f"  {line}" for line in errors[:_MOST_ERRORS_SHOWN] if line != detail)]
        if len(errors) > _MOST_ERRORS_SHOWN:
            lines.append(f"  and {len(errors) - _MOST_ERRORS_SHOWN} more")
        if self.names_key and self.key:
            lines.append(f"The request used {self.key}.")
        if self.advice and "firsthand login" not in detail:
            lines.append(self.advice)
        return "\n".join(lines)


class BadRequest(ProblemError):
    """400: the body is not what its content type says."""


class Unauthorized(ProblemError):
    """401: no key, or a key that is not valid."""

    advice = "Store a key with `firsthand login URL`, or set FIRSTHAND_API_KEY."
    names_key = True


class Forbidden(ProblemError):
    """403: the key is valid, but has not the scope, or belongs to another organization."""

    names_key = True


class NotFound(ProblemError):
    """404: nothing has this name, id or position."""


class Conflict(ProblemError):
    """409: the name is already used for something else. Statements never change."""


class TooLarge(ProblemError):
    """413: send less in one request."""


class Refused(ProblemError):
    """422: the request is understood, but cannot be accepted."""


class Busy(ProblemError):
    """429, 502, 503, 504, after all retries."""


class ServerFault(ProblemError):
    """Another status of 500 or above: an error inside the registry."""


_BY_STATUS: dict[int, type[ProblemError]] = {
    400: BadRequest,
    401: Unauthorized,
    403: Forbidden,
    404: NotFound,
    409: Conflict,
    413: TooLarge,
    422: Refused,
    429: Busy,
    502: Busy,
    503: Busy,
    504: Busy,
}


def from_problem(problem: Problem, key: str = "") -> ProblemError:
    """Return the exception for the status of a problem. `key` says in words which key the request used."""
    kind = _BY_STATUS.get(problem.status, ServerFault if problem.status >= 500 else ProblemError)
    return kind(problem, key)
