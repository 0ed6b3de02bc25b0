"""Registration of handlers by task type."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

from queuecore.domain.names import check_task_type
from queueworker.handlers.handler import Handler, HandlerError, HandlerFunction, make_handler

F = TypeVar("F", bound=HandlerFunction)


class Handlers:
    """The handlers of a module, by task type.

    A handler module has one at its top level::

        handlers = Handlers()

        @handlers.register("email:send")
        async def send(email: Email, context: TaskContext) -> dict[str, str]:
            ...

    The first parameter is the payload. Its annotation decides how the payload is decoded and validated: a msgspec
    Struct, a dataclass or a TypedDict; without an annotation it is a dict. An optional second parameter receives the
    :class:`~queueworker.handlers.context.TaskContext`. The return value is the result of the task and must be
    serializable as JSON.
    """

    def __init__(self) -> None:
        self._by_type: dict[str, Handler] = {}

    def register(self, task_type: str, *, process: bool = False) -> Callable[[F], F]:
        """Register the decorated function for a task type.

        Coroutine functions run in the event loop, plain functions in a thread.

        Args:
            task_type: the type of the tasks that it runs.
            process: run a plain function in another process, for CPU-bound work.

        Raises:
            InvalidField: the name of the type is invalid.
            HandlerError: the type has a handler already, or the function cannot be a handler.
        """
        check_task_type(task_type)

        def add(function: F) -> F:
            self._add(make_handler(task_type, function, process=process))
            return function

        return add

    def update(self, others: Handlers) -> None:
        """Add all handlers of ``others``.

        Raises:
            HandlerError: a type has another handler already.
        """
        for handler in others:
            self._add(handler)

    def get(self, task_type: str) -> Handler | None:
        """The handler of a type, if there is one."""
        return self._by_type.get(task_type)

    def types(self) -> list[str]:
        """The registered types, sorted."""
        return sorted(self._by_type)

    def __iter__(self) -> Iterator[Handler]:
        return iter(self._by_type.values())

    def _add(self, handler: Handler) -> None:
        present = self._by_type.get(handler.task_type)
        if present is not None and present.function is not handler.function:
            raise HandlerError(f"task type {handler.task_type!r} has two handlers: {present.name} and {handler.name}")
        self._by_type[handler.task_type] = handler
