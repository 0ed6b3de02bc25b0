"""A handler: a function, and the way to call it that follows from its signature."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from enum import Enum
from typing import Any, get_origin, get_type_hints

import msgspec

from taskyard.context import Context
from taskyard.errors import DoNotRetry, HandlerError
from taskyard.lifespan import Lifespan
from taskyard.payloads.codec import Codec, DecodeError, UnusableType, describe, payload_codec, result_codec

HandlerFunction = Callable[..., Any]


class HandlerKind(Enum):
    """Execution of a handler: event loop, thread or process."""

    ASYNC = "async"
    """A coroutine function, in the event loop."""
    THREAD = "thread"
    """A plain function, in a thread."""
    PROCESS = "process"
    """A plain function, in another process."""


class Handler(msgspec.Struct, frozen=True):
    """The handler of one task type."""

    task_type: str
    function: HandlerFunction
    kind: HandlerKind
    payload: Codec[Any]
    """Of the payload's type."""
    result: Codec[Any]
    """Of the result's type."""
    takes_context: bool
    lifespan: Lifespan[Any]
    """Of the handler's app; holds the state that the context offers."""

    @property
    def name(self) -> str:
        """Qualified name of the function."""
        return name_of(self.function)

    def decode(self, payload: bytes) -> object:
        """Decode a JSON payload to the handler's type.

        Raises:
            DoNotRetry: the payload does not match the type.
        """
        try:
            return self.payload.decode(payload)
        except DecodeError as error:
            raise DoNotRetry(f"the payload is not what the handler takes: {error}") from error

    def call(self, payload: object, context: Context[Any]) -> Any:
        """Call the function; a coroutine function returns its coroutine."""
        try:
            return self.function(payload, context) if self.takes_context else self.function(payload)
        except StopIteration as error:
            # A future refuses StopIteration as its exception.
            raise RuntimeError("the handler raised StopIteration") from error


def make_handler(
    task_type: str, function: HandlerFunction, *, process: bool = False, lifespan: Lifespan[Any] | None = None
) -> Handler:
    """Derive a handler from the signature of a function.

    Args:
        task_type: the type of the tasks that it runs.
        function: takes a payload, and a :class:`~taskyard.context.Context` as an optional second parameter.
        process: run a plain function in another process.
        lifespan: of the handler's app.

    Raises:
        HandlerError: the function cannot be a handler.
    """
    payload_name, context_name = _parameters(function)
    try:
        hints = get_type_hints(function, include_extras=True)
    except (NameError, TypeError) as error:
        raise HandlerError(
            f"{name_of(function)}: its annotations cannot be read: {error}; they are read when the function is "
            "decorated, so what they name must be defined or imported before it, not under TYPE_CHECKING"
        ) from error
    _check_context(function, hints.get(context_name, Context))
    return Handler(
        task_type=task_type,
        function=function,
        kind=_kind(function, process=process),
        payload=_payload_codec(function, hints.get(payload_name, dict)),
        result=_result_codec(function, hints.get("return", Any)),
        takes_context=bool(context_name),
        lifespan=Lifespan() if lifespan is None else lifespan,
    )


def name_of(function: HandlerFunction) -> str:
    """Qualified name of a function, with its module."""
    return f"{function.__module__}.{function.__qualname__}"


def _parameters(function: HandlerFunction) -> tuple[str, str]:
    """The names of the parameters of the payload and of the context; empty without a context."""
    if not inspect.isroutine(function):
        raise HandlerError(f"{function!r} is not a function")
    required = [
        each
        for each in inspect.signature(function).parameters.values()
        if each.default is each.empty and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
    ]
    if not 1 <= len(required) <= 2 or any(each.kind is each.KEYWORD_ONLY for each in required):
        raise HandlerError(
            f"{name_of(function)} must take a payload, and a Context if it wants one: "
            "def handler(payload: Payload, context: Context)"
        )
    return required[0].name, required[1].name if len(required) == 2 else ""


def _check_context(function: HandlerFunction, annotation: Any) -> None:
    kind = get_origin(annotation) or annotation
    is_other = isinstance(kind, type) and kind not in (Any, object) and not getattr(kind, "_is_protocol", False)
    if is_other and not issubclass(kind, Context):
        raise HandlerError(
            f"{name_of(function)}: its second parameter receives the Context, but is annotated with "
            f"{describe(annotation)}; a handler takes one payload: put all values into it"
        )


def _kind(function: HandlerFunction, *, process: bool) -> HandlerKind:
    if inspect.isasyncgenfunction(function) or inspect.isgeneratorfunction(function):
        raise HandlerError(f"{name_of(function)} is a generator; a handler returns its result")
    is_async = inspect.iscoroutinefunction(function)
    if is_async and process:
        raise HandlerError(f"{name_of(function)} is async; process=True takes a plain function")
    if is_async:
        return HandlerKind.ASYNC
    return HandlerKind.PROCESS if process else HandlerKind.THREAD


def _payload_codec(function: HandlerFunction, annotation: Any) -> Codec[Any]:
    try:
        return payload_codec(annotation)
    except UnusableType as error:
        raise HandlerError(
            f"{name_of(function)}: its payload cannot be {describe(annotation)}: {error}; "
            "annotate it with a msgspec Struct, a dataclass, a TypedDict, a pydantic model or dict"
        ) from error


def _result_codec(function: HandlerFunction, annotation: Any) -> Codec[Any]:
    try:
        return result_codec(annotation)
    except UnusableType as error:
        raise HandlerError(
            f"{name_of(function)}: its result cannot be {describe(annotation)}: {error}; "
            "return what JSON can hold: a msgspec Struct, a dataclass, a pydantic model, dicts, lists or scalars"
        ) from error
