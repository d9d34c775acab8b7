"""What can go wrong between a pipeline and a registry.

FirsthandError
├── Unreachable          nobody answered at the address
├── NotUnderstood        somebody answered who does not speak as a registry
├── InvalidArgument      an argument of a call has a value that no registry takes
├── ContentError         an item of the caller's own cannot be read or hashed
├── CredentialsError     what is stored or set to reach a registry with cannot be used
├── Withdrawn            these items were registered by the same words before, and taken back since
├── SnapshotError        the files of a snapshot are not as they were written
└── ProblemError         the registry refused, and says why (RFC 9457)
    ├── BadRequest       400
    ├── Unauthorized     401  no key, or none that is valid
    ├── Forbidden        403  a valid key without the scope, or of another organization
    ├── NotFound         404
    ├── Conflict         409  the name stands for something else already
    ├── TooLarge         413
    ├── Refused          422  understood, and not acceptable
    ├── Busy             429, 502, 503, 504  come back later; the client has done so already
    └── ServerFault      other 5xx
"""

from firsthand.schemas.explain import located
from firsthand.schemas.problems import Problem

_MOST_ERRORS_SHOWN = 10


class FirsthandError(Exception):
    """All of them; the message says what to do next."""


class Unreachable(FirsthandError):
    """Nobody answered, however often it was tried."""


class NotUnderstood(FirsthandError):
    """An answer that no registry of this version gives."""


class InvalidArgument(FirsthandError, ValueError):
    """An argument of a call has a value that no registry accepts; the message names it and says what to use."""


class ContentError(FirsthandError, ValueError):
    """An item cannot be read or hashed as asked; the message names it."""


class CredentialsError(FirsthandError):
    """What is stored, or set in the environment, to reach a registry with cannot be used."""


class Withdrawn(FirsthandError):
    """A registration that is answered again, and that was withdrawn since, whole or some of its items."""

    def __init__(self, registration: int, withdrawal: int | None, items: int) -> None:
        self.registration, self.withdrawal, self.items = registration, withdrawal, items
        gone = (
            f"{items:,} of them were withdrawn since, so those do not stand."
            if withdrawal is None
            else f"withdrawn (at position {withdrawal}), so nothing stands."
        )
        super().__init__(
            f"These items were registered by the same words before (registration {registration}) and {gone}\n"
            "To register them anew, add --again; in Python, say an `occasion` that was not said before."
        )


class SnapshotError(FirsthandError):
    """A snapshot's file is missing, damaged or of another form; the message names it."""


class ProblemError(FirsthandError):
    """The registry refused. `problem` is its answer, whole."""

    #: What helps against errors of this kind, where the registry's own words may not say so.
    advice = ""

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        super().__init__(problem)

    def __str__(self) -> str:
        said = self.problem.detail or self.problem.title
        each = [located(error.where, error.message) for error in self.problem.errors]
        lines = [said, *(f"  {line}" for line in each[:_MOST_ERRORS_SHOWN] if line != said)]
        if len(each) > _MOST_ERRORS_SHOWN:
            lines.append(f"  and {len(each) - _MOST_ERRORS_SHOWN} more")
        return "\n".join([*lines, self.advice] if self.advice and "firsthand login" not in said else lines)


class BadRequest(ProblemError):
    """400."""


class Unauthorized(ProblemError):
    """401: no key, or none that is valid."""

    advice = "Store a key with `firsthand login URL`, or give one in FIRSTHAND_API_KEY."


class Forbidden(ProblemError):
    """403: the key is valid, and may not do this."""


class NotFound(ProblemError):
    """404."""


class Conflict(ProblemError):
    """409: statements never change, and this one would contradict one that stands."""


class TooLarge(ProblemError):
    """413: send less at once."""


class Refused(ProblemError):
    """422: understood, and not acceptable."""


class Busy(ProblemError):
    """429, 502, 503, 504, after every retry."""


class ServerFault(ProblemError):
    """500 and its like: the registry's own fault."""


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


def from_problem(problem: Problem) -> ProblemError:
    """The exception that belongs to a problem's status."""
    kind = _BY_STATUS.get(problem.status, ServerFault if problem.status >= 500 else ProblemError)
    return kind(problem)
