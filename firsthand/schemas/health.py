"""What a registry says about itself."""

from typing import Literal

from firsthand.schemas.base import Response


class Readiness(Response):
    """A registry that can work. `warnings` name what its operator must look at, such as a wrong clock."""

    status: Literal["ready"]
    warnings: list[str] = []
