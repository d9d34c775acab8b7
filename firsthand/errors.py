"""The errors that a pipeline can get from this package.

FirsthandError
├── Unreachable          no registry answers at the address
├── NotUnderstood        the answer does not have the form of a registry of this version
├── InvalidArgument      an argument has a value that no registry accepts
├── ContentError         one of the user's own files or items cannot be read or hashed
│   └── RowError         one row of a file cannot be read; the rows after it can be
├── CredentialsError     the stored or configured address, key, proxy or time limit is not valid
├── Withdrawn            the items were registered with the same arguments before, and then withdrawn
├── SnapshotError        a file of a snapshot is missing or damaged
├── GateRefused          a gate refused the data: too much of it is made by models, or can be
└── ProblemError         the registry refused the request, and says why (RFC 9457)
    ├── BadRequest       400  the body does not have the form of its content type
    ├── Unauthorized     401  no key, or a key that is not valid
    ├── Forbidden        403  the key lacks the scope, or belongs to another organization
    ├── NotFound         404  there is nothing with this name, id or position
    ├── Conflict         409  the request contradicts what is recorded
    ├── TooLarge         413  the request is too large: send less in one request
    ├── Refused          422  the request is understood, but cannot be accepted
    ├── Busy             429, 502, 503, 504: the registry is busy or restarting
    └── ServerFault      other 5xx: an error inside the registry
"""

from firsthand.core.control_characters import escape_controls
from firsthand.schemas.explain import located
from firsthand.schemas.problems import Problem

_MOST_ERRORS_SHOWN = 10


class FirsthandError(Exception):
    """The base class of all errors of this package. The message says what is wrong and what to do next."""


class Unreachable(FirsthandError):
    """No registry answered, even after all retries."""


class NotUnderstood(FirsthandError):
    """The answer does not have the form of a registry of this version. Check the address and the versions."""


class InvalidArgument(FirsthandError, ValueError):
    """An argument of a call has a value that no registry accepts. The message has its name and an accepted value."""


class ContentError(FirsthandError, ValueError):
    """A file or an item cannot be read or hashed. The message has the name of the file or item."""


class RowError(ContentError):
    """One row of a file cannot be read, but the rows after it can be read: a caller can skip this row.

    `file` is the path or URL, `row` the row in words (`line 3`), `number` the number in the row's name `FILE:NUMBER`,
    and `reason` says what is wrong.
    """

    def __init__(self, file: str, row: str, number: int, reason: str) -> None:
        self.file, self.row, self.number, self.reason = file, row, number, reason
        super().__init__(file, row, number, reason)

    def __str__(self) -> str:
        return f"{self.file}, {self.row}: {self.reason}"


class CredentialsError(FirsthandError):
    """The stored or configured address, key, proxy or time limit is not valid."""


class Withdrawn(FirsthandError):
    """The same registration was made before, and was then withdrawn, completely or for some of its items."""

    def __init__(self, registration: int, withdrawal: int | None, items: int) -> None:
        self.registration, self.withdrawal, self.items = registration, withdrawal, items
        withdrawn = f"{items:,} of them were withdrawn" if withdrawal is None else f"withdrawn at position {withdrawal}"
        super().__init__(
            f"These items were registered before with the same arguments (registration {registration}), and then"
            f" {withdrawn}.\n"
            "To register them again, use --again; in Python, pass an `occasion` that was not used before."
        )


class SnapshotError(FirsthandError):
    """A file of a snapshot is missing, damaged or of another format. The message has the name of the file."""


class GateRefused(FirsthandError):
    """A gate refused the data. The message has the reasons and the worst files."""


class ProblemError(FirsthandError):
    """The registry refused the request. `problem` is its complete answer."""

    #: What to do next after an error of this class. It is added to the message, unless the registry's message already
    #: says it.
    advice = ""
    #: Whether the message contains the id and the source of the key of the request.
    names_key = False

    def __init__(self, problem: Problem, key: str = "") -> None:
        self.problem, self.key = problem, key
        super().__init__(problem, key)

    def __str__(self) -> str:
        # The texts come from the registry: they must not steer the terminal that shows this error.
        detail = escape_controls(self.problem.detail or self.problem.title, keep="\n")
        errors = [escape_controls(located(error.where, error.message)) for error in self.problem.errors]
        lines = [detail, *(f"  {line}" for line in errors[:_MOST_ERRORS_SHOWN] if line != detail)]
        if len(errors) > _MOST_ERRORS_SHOWN:
            lines.append(f"  and {len(errors) - _MOST_ERRORS_SHOWN} more")
        if self.names_key and self.key:
            lines.append(f"The request used {self.key}.")
        if self.advice and "firsthand login" not in detail:
            lines.append(self.advice)
        return "\n".join(lines)


class BadRequest(ProblemError):
    """400: the body does not have the form of its content type."""


class Unauthorized(ProblemError):
    """401: the request has no key, or its key is not valid."""

    advice = "Store a key with `firsthand login URL`, or set FIRSTHAND_API_KEY."
    names_key = True


class Forbidden(ProblemError):
    """403: the key is valid, but does not have the required scope, or belongs to another organization."""

    names_key = True


class NotFound(ProblemError):
    """404: there is nothing with this name, id or position."""


class Conflict(ProblemError):
    """409: the request contradicts what is recorded, for example a name that exists with other values."""


class TooLarge(ProblemError):
    """413: the request is too large. Send less in one request."""


class Refused(ProblemError):
    """422: the registry understood the request, but cannot accept it. The message says why."""


class Busy(ProblemError):
    """429, or 502, 503, 504 after all retries: the registry is busy or restarting. Try again later."""


class ServerFault(ProblemError):
    """An error inside the registry: any status of 500 or above for which there is no other class."""


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
    """Return the exception for the status of a problem. `key` describes the key that the request used."""
    kind = _BY_STATUS.get(problem.status, ServerFault if problem.status >= 500 else ProblemError)
    return kind(problem, key)
