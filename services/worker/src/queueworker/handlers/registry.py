"""Registry: the handlers of all apps of a worker, by task type."""

from __future__ import annotations

from collections.abc import Iterator

from queuecore.domain.task import DEFAULT_QUEUE
from taskyard import Taskyard
from taskyard.errors import HandlerError
from taskyard.handler import Handler
from taskyard.lifespan import Lifespan


class HandlerRegistry:
    """The handlers that a worker runs."""

    def __init__(self) -> None:
        self._by_type: dict[str, Handler] = {}
        self._queues: dict[str, None] = {}

    def add_app(self, app: Taskyard) -> None:
        """Add the tasks of an app and their queues.

        Raises:
            HandlerError: a type has another handler already.
        """
        for task in app.tasks.values():
            self.add(task.handler, task.options.get("queue", DEFAULT_QUEUE))

    def add(self, handler: Handler, queue: str = DEFAULT_QUEUE) -> None:
        """Add one handler and the queue that its tasks enter.

        Raises:
            HandlerError: its type has another handler already.
        """
        present = self._by_type.get(handler.task_type)
        if present is not None and present.function is not handler.function:
            raise HandlerError(f"task type {handler.task_type!r} has two handlers: {present.name} and {handler.name}")
        self._by_type[handler.task_type] = handler
        self._queues[queue] = None

    def get(self, task_type: str) -> Handler | None:
        """The handler of a type, if there is one."""
        return self._by_type.get(task_type)

    def types(self) -> list[str]:
        """The registered types, sorted."""
        return sorted(self._by_type)

    def names(self) -> dict[str, str]:
        """The name of the function of each type, sorted by type."""
        return {each: self._by_type[each].name for each in self.types()}

    def queues(self) -> list[str]:
        """The queues that the tasks enter by default, in the order of the tasks."""
        return list(self._queues)

    def lifespans(self) -> list[Lifespan[object]]:
        """The lifespans of the apps, in the order of the apps."""
        return list({id(each.lifespan): each.lifespan for each in self}.values())

    def __iter__(self) -> Iterator[Handler]:
        return iter(self._by_type.values())

    def __len__(self) -> int:
        return len(self._by_type)
