"""Context of a handler in a worker: its logger writes the log of the worker."""

from __future__ import annotations

from typing import Any

import structlog

from taskyard.context import Context, Logger

_TRACE_ID = slice(3, 35)
"""Of a W3C `traceparent`."""


class WorkerContext(Context[Any]):
    """The context that a worker passes to a handler; arguments as of :class:`~taskyard.context.Context`."""

    __slots__ = ()

    @property
    def logger(self) -> Logger:
        """A logger whose lines have the fields of the task, and the trace id of its caller."""
        task = self.task
        trace = {"trace_id": task.traceparent[_TRACE_ID]} if task.traceparent else {}
        logger: Logger = structlog.get_logger().bind(
            task_id=task.id, queue=task.queue, type=task.type, attempt=self.attempt, **trace
        )
        return logger
