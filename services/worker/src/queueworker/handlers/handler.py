"""A handler: a function, and the way to call it that follows from its signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from enum import Enum
from typing import Any, get_type_hints

import msgspec

from queueworker.handlers.context import TaskContext
from queueworker.handlers.errors import DoNotRetry

HandlerFunction = Callable[..., Any]


class HandlerKind(Enum):
    """Execution of a handler: event loop, thread or process."""

    ASYNC = "async"
    """A coroutine function, in the event loop."""
    THREAD = "thread"
    """A plain function, in a thread."""
    PROCESS = "process"
    """A plain function, in another process."""


class HandlerError(TypeError):
    """The function cannot be a handler."""


class Handler(msgspec.Struct, frozen=True):
    """The handler of one task type."""

    task_type: str
    function: HandlerFunction
    kind: HandlerKind
    payload_type: Any
    """Type that the payload is decoded to."""
    takes_context: bool

    @property
    def name(self) -> str:
        """Qualified name of the function."""
        return _name(self.function)

    def decode(self, payload: bytes) -> object:
        """Decode a JSON payload to :attr:`payload_type`.

        Raises:
            DoNotRetry: the payload does not match the type.
        """
        try:
            return msgspec.json.decode(payload, type=self.payload_type)
        except msgspec.DecodeError as error:
            raise DoNotRetry(f"the payload is not what the handler takes: {error}") from error

    def call(self, payload: object, context: TaskContext) -> Any:
        """Call the function; a coroutine function returns its coroutine."""
        try:
            return self.function(payload, context) if self.takes_context else self.function(payload)
        except StopIteration as error:
            # A future refuses StopIteration as its exception.
            raise RuntimeError("the handler raised StopIteration") from error

    def schema(self) -> bytes:
        """The JSON Schema of the payload; ``null`` when any object is valid or the type has no schema."""
        if self.payload_type is dict:
            return b"null"
        try:
            return msgspec.json.encode(msgspec.json.schema(self.payload_type))
        except TypeError:
            return b"null"


def make_handler(task_type: str, function: HandlerFunction, *, process: bool) -> Handler:
    """Derive a handler from the signature of a function.

    Args:
        task_type: the type of the tasks that it runs.
        function: takes a payload, and a :class:`TaskContext` as an optional second parameter.
        process: run a plain function in another process.

    Raises:
        HandlerError: the function cannot be a handler.
    """
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


def _kind(function: HandlerFunction, *, process: bool) -> HandlerKind:
    is_async = inspect.iscoroutinefunction(function)
    if is_async and process:
        raise HandlerError(f"{_name(function)} is async; process=True takes a plain function")
    if is_async:
        return HandlerKind.ASYNC
    return HandlerKind.PROCESS if process else HandlerKind.THREAD


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


def _name(function: HandlerFunction) -> str:
    return f"{function.__module__}.{function.__qualname__}"
