"""Registering the functions that run tasks."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterator
from enum import Enum
from typing import Any, TypeVar, get_type_hints

import msgspec

from queuecore.domain.names import check_task_type
from queueworker.handlers.context import TaskContext
from queueworker.handlers.errors import DoNotRetry

HandlerFunction = Callable[..., Any]
F = TypeVar("F", bound=HandlerFunction)


class Kind(Enum):
    """Where a handler runs."""

    ASYNC = "async"
    """A coroutine function, in the event loop."""
    THREAD = "thread"
    """A plain function, in a thread of its own."""
    PROCESS = "process"
    """A plain function, in another process."""


class HandlerError(TypeError):
    """A function cannot be a handler as it is written."""


class Handler(msgspec.Struct, frozen=True):
    """A function and how to call it."""

    task_type: str
    function: HandlerFunction
    kind: Kind
    payload_type: Any
    """What the payload is decoded to."""
    takes_context: bool

    def decode(self, payload: bytes) -> object:
        """The payload as the handler takes it.

        Raises:
            DoNotRetry: the payload is not of the handler's type.
        """
        try:
            return msgspec.json.decode(payload, type=self.payload_type)
        except msgspec.DecodeError as error:
            raise DoNotRetry(f"the payload is not what the handler takes: {error}") from error

    def call(self, payload: object, context: TaskContext) -> Any:
        """Call the function; an async one returns its coroutine."""
        try:
            return self.function(payload, context) if self.takes_context else self.function(payload)
        except StopIteration as error:
            # No future takes this one as its exception.
            raise RuntimeError("the handler raised StopIteration") from error

    def schema(self) -> bytes:
        """The JSON Schema of the payload; ``null`` when any object will do, or its type has no schema."""
        if self.payload_type is dict:
            return b"null"
        try:
            return msgspec.json.encode(msgspec.json.schema(self.payload_type))
        except TypeError:
            return b"null"


class Handlers:
    """The handlers of a module, by task type.

    A module that the worker is told to load keeps one at its top level::

        handlers = Handlers()

        @handlers.register("email:send")
        async def send(email: Email, context: TaskContext) -> dict[str, str]:
            ...

    The first parameter is the payload. Its annotation says how it is decoded and checked: a msgspec Struct, a
    dataclass, a TypedDict; without one it is a dict. A second parameter takes the :class:`TaskContext`. What the
    function returns is the task's result and must be possible to write as JSON.
    """

    def __init__(self) -> None:
        self._by_type: dict[str, Handler] = {}

    def register(self, task_type: str, *, process: bool = False) -> Callable[[F], F]:
        """Register the decorated function for a task type.

        Async functions run in the event loop, plain ones in a thread.

        Args:
            task_type: the type of the tasks that it runs.
            process: run a plain function in another process, for work that keeps a processor busy.

        Raises:
            InvalidField: the type's name is not allowed.
            HandlerError: the type is taken, or the function cannot be a handler.
        """
        check_task_type(task_type)

        def add(function: F) -> F:
            self._add(_inspect(task_type, function, process=process))
            return function

        return add

    def update(self, others: Handlers) -> None:
        """Take over all handlers of ``others``.

        Raises:
            HandlerError: a type is taken already.
        """
        for handler in others:
            self._add(handler)

    def get(self, task_type: str) -> Handler | None:
        """The handler for a type, if there is one."""
        return self._by_type.get(task_type)

    def types(self) -> list[str]:
        """The types that are handled, sorted."""
        return sorted(self._by_type)

    def __iter__(self) -> Iterator[Handler]:
        return iter(self._by_type.values())

    def _add(self, handler: Handler) -> None:
        present = self._by_type.get(handler.task_type)
        if present is not None and present.function is not handler.function:
            raise HandlerError(
                f"task type {handler.task_type!r} has two handlers: "
                f"{_name(present.function)} and {_name(handler.function)}"
            )
        self._by_type[handler.task_type] = handler


def _inspect(task_type: str, function: HandlerFunction, *, process: bool) -> Handler:
    parameters = [each for each in inspect.signature(function).parameters.values() if each.default is each.empty]
    if not 1 <= len(parameters) <= 2 or any(each.kind is each.KEYWORD_ONLY for each in parameters):
        raise HandlerError(f"{_name(function)} must take a payload, and a TaskContext if it wants one")
    hints = get_type_hints(function)
    return Handler(
        task_type=task_type,
        function=function,
        kind=_kind(function, process=process),
        payload_type=_payload_type(function, hints.get(parameters[0].name, dict)),
        takes_context=len(parameters) == 2,
    )


def _kind(function: HandlerFunction, *, process: bool) -> Kind:
    is_async = inspect.iscoroutinefunction(function)
    if is_async and process:
        raise HandlerError(f"{_name(function)} is async; process=True takes a plain function")
    if is_async:
        return Kind.ASYNC
    return Kind.PROCESS if process else Kind.THREAD


def _payload_type(function: HandlerFunction, annotation: Any) -> Any:
    if annotation in (Any, object, inspect.Parameter.empty):
        return dict
    try:
        msgspec.json.Decoder(annotation)
    except TypeError as error:
        raise HandlerError(f"{_name(function)}: the payload's annotation cannot be used: {error}") from error
    if isinstance(msgspec.inspect.type_info(annotation), msgspec.inspect.CustomType):
        raise HandlerError(
            f"{_name(function)}: a payload cannot be decoded to {annotation!r}; "
            "annotate it with a msgspec Struct, a dataclass, a TypedDict or dict"
        )
    return annotation


def _name(function: Callable[..., Awaitable[Any] | Any]) -> str:
    return f"{function.__module__}.{function.__qualname__}"
