"""A task: a handler function that can be called as itself and enqueued by its payload."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Protocol, cast

from typing_extensions import TypeVar, Unpack

from taskyard.errors import InvalidPayload
from taskyard.handler import Handler, HandlerKind
from taskyard.options import EnqueueOptions, check_options
from taskyard.payloads.codec import DecodeError, describe, encode_json
from taskyard.request import Request

if TYPE_CHECKING:
    from taskyard.client.handle import Handle, SyncHandle

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")
X = TypeVar("X")


class Enqueuer(Protocol):
    """Sends requests; see :class:`taskyard.app.Taskyard`."""

    async def enqueue(self, request: Request[R], /) -> Handle[R]:
        """Enqueue from a coroutine."""

    def enqueue_sync(self, request: Request[R], /) -> SyncHandle[R]:
        """Enqueue from a plain function."""


class Task(Generic[P, T, R, X]):
    """A handler function, registered for a task type.

    Callable as the function that it is; enqueued by its payload alone. ``P`` are the function's parameters, ``T`` is
    the type of the payload, ``R`` that of the result, ``X`` that of a call.

    Args:
        handler: the function and how to call it.
        options: of the task and its app.
        enqueuer: the app, which has the connection.
    """

    __name__: str
    __qualname__: str

    def __init__(self, handler: Handler, options: Mapping[str, Any], enqueuer: Enqueuer) -> None:
        self._handler = handler
        self._options = options
        self._enqueuer = enqueuer
        functools.update_wrapper(cast("Callable[..., Any]", self), handler.function)
        if handler.kind is HandlerKind.ASYNC:
            _mark_as_coroutine_function(self)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> X:
        """Call the function, here and now."""
        result: X = self._handler.function(*args, **kwargs)
        return result

    @property
    def type(self) -> str:
        """The task type."""
        return self._handler.task_type

    @property
    def app(self) -> Enqueuer:
        """The app that it belongs to."""
        return self._enqueuer

    @property
    def handler(self) -> Handler:
        """The function and how a worker calls it."""
        return self._handler

    @property
    def options(self) -> Mapping[str, Any]:
        """The options that the task or its app sets."""
        return self._options

    def request(self, payload: T, /, **options: Unpack[EnqueueOptions]) -> Request[R]:
        """Make a request, to be enqueued by a client, alone or among many.

        Raises:
            InvalidPayload: the payload is not of the task's type.
            InvalidField: an option has an invalid value.
        """
        check_options(options, EnqueueOptions)
        return Request(self.type, self._encode(payload), self._resolve(options), self._handler.result.decode)

    async def enqueue(self, payload: T, /, **options: Unpack[EnqueueOptions]) -> Handle[R]:
        """Enqueue a task from a coroutine.

        Raises:
            InvalidPayload: the payload is not of the task's type.
            InvalidField: an option has an invalid value.
            ClientError: the API refused the task or did not answer.
        """
        return await self._enqueuer.enqueue(self.request(payload, **options))

    def enqueue_sync(self, payload: T, /, **options: Unpack[EnqueueOptions]) -> SyncHandle[R]:
        """Enqueue a task from a plain function; errors as of :meth:`enqueue`."""
        return self._enqueuer.enqueue_sync(self.request(payload, **options))

    def _resolve(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """All options, the more specific ones first."""
        return {**self._options, **options}

    def _encode(self, payload: object) -> bytes:
        """The payload as JSON, which the handler's type accepts."""
        try:
            encoded = encode_json(payload)
            if encoded[:1] != b"{":
                raise InvalidPayload(f"{self._takes()}, got {describe(type(payload))}")
            self._handler.payload.decode(encoded)
        except (DecodeError, TypeError, RecursionError) as error:
            raise InvalidPayload(f"{self._takes()}: {error}") from error
        return encoded

    def _takes(self) -> str:
        return f"task {self.type!r} takes {describe(self._handler.payload.kind)} as its payload"

    def __reduce__(self) -> str:
        # By name, as functions are pickled: the name of the function leads to the task.
        return self._handler.function.__qualname__

    def __repr__(self) -> str:
        return f"<Task {self.type}: {self._handler.name}>"


def _mark_as_coroutine_function(task: Task[Any, Any, Any, Any]) -> None:
    """Make ``iscoroutinefunction`` true for a task, as for its function."""
    if hasattr(inspect, "markcoroutinefunction"):
        inspect.markcoroutinefunction(task)
    marker = getattr(asyncio.coroutines, "_is_coroutine", None)
    if marker is not None:
        vars(task)["_is_coroutine"] = marker
