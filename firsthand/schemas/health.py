"""The state of a registry."""

from typing import Literal

from firsthand.schemas.base import Response


class Readiness(Response):
    """The answer of a registry that is ready. `warnings` are problems for its operator, such as a wrong clock."""

    status: Literal["ready"]
    warnings: list[str] = []
