"""What a handler may know and tell while it runs."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import structlog

from queuecore.domain.task import Task

_TRACE_ID = slice(3, 35)
"""Of a W3C `traceparent`."""


class TaskContext:
    """The second argument of a handler.

    Args:
        task: the task that runs.
        attempt: 1 for the first attempt.
        deadline_at_ms: when the attempt will be stopped: its timeout or the task's deadline, whichever is first.
        report: takes what :meth:`progress` is given, as JSON.
    """

    __slots__ = ("attempt", "cancelled", "deadline_at_ms", "report", "result", "task")

    def __init__(self, task: Task, attempt: int, deadline_at_ms: int, report: Callable[[bytes], None]) -> None:
        self.task = task
        self.attempt = attempt
        self.deadline_at_ms = deadline_at_ms
        self.cancelled = False
        """Whether the attempt is to stop. An async handler is cancelled besides; a plain one must look here."""
        self.result: Any = None
        """The task's result if the handler returns ``None``."""
        self.report = report

    @property
    def deadline(self) -> datetime:
        """When the attempt will be stopped."""
        return datetime.fromtimestamp(self.deadline_at_ms / 1000, tz=UTC)

    @property
    def logger(self) -> Any:
        """A logger that names the task in each line, and its caller's trace."""
        task = self.task
        trace = {"trace_id": task.traceparent[_TRACE_ID]} if task.traceparent else {}
        return structlog.get_logger().bind(
            task_id=task.id, queue=task.queue, type=task.type, attempt=self.attempt, **trace
        )

    def progress(self, value: object) -> None:
        """Tell how far the task is; whoever reads the task sees the latest value.

        May be called as often as one likes, from any thread: only the latest value is sent, a few times a second.

        Raises:
            TypeError: ``value`` cannot be written as JSON.
        """
        self.report(msgspec.json.encode(value))
