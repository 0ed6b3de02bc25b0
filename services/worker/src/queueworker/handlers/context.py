"""Context of a running handler: its task, deadline, cancellation, progress and logger."""

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
    """The optional second argument of a handler.

    Args:
        task: the running task.
        attempt: 1 for the first attempt.
        deadline_at_ms: when the attempt is stopped: at its timeout or the task's deadline, whichever is first.
        report: receives the value of :meth:`progress` as JSON.
        fence: the fencing token of the run.
    """

    __slots__ = ("attempt", "cancelled", "deadline_at_ms", "fence", "report", "result", "task")

    def __init__(
        self, task: Task, attempt: int, deadline_at_ms: int, report: Callable[[bytes], None], fence: int
    ) -> None:
        self.task = task
        self.attempt = attempt
        self.deadline_at_ms = deadline_at_ms
        self.cancelled = False
        """Set when the attempt is stopped. A coroutine is cancelled as well; a plain function must check this flag."""
        self.result: Any = None
        """Result of the task if the handler returns ``None``."""
        self.report = report
        self.fence = fence
        """Number to fence with: it increases with every run of the task, also where the attempt number repeats after a
        release. Pass it with writes to other systems, and let them refuse a lower number than their last one."""

    @property
    def deadline(self) -> datetime:
        """Time at which the attempt is stopped."""
        return datetime.fromtimestamp(self.deadline_at_ms / 1000, tz=UTC)

    @property
    def logger(self) -> Any:
        """A logger whose lines have the fields of the task, and the trace id of its caller."""
        task = self.task
        trace = {"trace_id": task.traceparent[_TRACE_ID]} if task.traceparent else {}
        return structlog.get_logger().bind(
            task_id=task.id, queue=task.queue, type=task.type, attempt=self.attempt, **trace
        )

    def progress(self, value: object) -> None:
        """Report progress, which readers of the task see.

        May be called often and from any thread: only the latest value is sent, a few times a second.

        Raises:
            TypeError: ``value`` is not serializable as JSON.
        """
        self.report(msgspec.json.encode(value))
