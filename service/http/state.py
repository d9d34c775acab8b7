"""The objects that an application shares between its requests."""

from typing import Any, TypeVar

from fastapi import Depends, Request

Shared = TypeVar("Shared")


class SharedState:
    """The shared objects: at most one object of each class. `app.state.shared` holds them."""

    def __init__(self, *objects: object) -> None:
        self._objects = {type(shared): shared for shared in objects}

    def get(self, kind: type[Shared]) -> Shared:
        """Return the object of a class."""
        shared = self._objects[kind]
        assert isinstance(shared, kind)
        return shared


def shared(kind: type[Shared]) -> Any:
    """Return a dependency that gives a handler the object of a class. Example: `Annotated[Catalog, shared(Catalog)]`.

    It is `async` because FastAPI runs other dependencies in a worker thread, which takes 0.05 ms each.
    """

    async def get(request: Request) -> Shared:
        state: SharedState = request.app.state.shared
        return state.get(kind)

    return Depends(get)
