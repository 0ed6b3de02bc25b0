"""Lifespan of an app: the state that its handlers share within one process."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Generic, cast

from typing_extensions import TypeVar

from taskyard.errors import StateUnavailable

S = TypeVar("S", default=None)

LifespanFunction = Callable[[], AsyncGenerator[S, None]]
"""An async generator function that yields the state once, and cleans up behind its ``yield``."""


class Lifespan(Generic[S]):
    """The lifespan of one app in one process. Without a function, the state is ``None`` at all times.

    Args:
        function: creates the state, yields it, and releases its resources.
    """

    def __init__(self, function: LifespanFunction[S] | None = None) -> None:
        self._function = function
        self._manager: AbstractAsyncContextManager[S] | None = None
        self._state: S | None = None
        self._entered = function is None

    @property
    def state(self) -> S:
        """The state.

        Raises:
            StateUnavailable: the lifespan has not been entered in this process.
        """
        if not self._entered:
            raise StateUnavailable(
                "the app's state does not exist here: it lives in the worker's own process, which has entered the "
                "app's lifespan. A handler with process=True runs elsewhere: let it create what it needs itself"
            )
        return cast("S", self._state)

    async def enter(self) -> None:
        """Create the state. Exceptions of the function propagate."""
        if self._function is None or self._manager is not None:
            return
        manager = asynccontextmanager(self._function)()
        self._state = await manager.__aenter__()
        self._manager = manager
        self._entered = True

    async def exit(self) -> None:
        """Release the state. Exceptions of the function propagate."""
        manager, self._manager = self._manager, None
        if manager is None:
            return
        self._entered = False
        self._state = None
        await manager.__aexit__(None, None, None)

    @classmethod
    def of(cls, state: S) -> Lifespan[S]:
        """A lifespan that has been entered and has this state."""
        lifespan: Lifespan[S] = cls()
        lifespan._state = state
        return lifespan

    def fresh(self) -> Lifespan[S]:
        """Another lifespan of the same function, not entered."""
        return Lifespan(self._function)
