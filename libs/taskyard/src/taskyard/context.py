"""Context of a running handler: its task, deadline, state, cancellation, progress and logger."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Generic, Protocol

from typing_extensions import TypeVar

from queuecore.domain.task import Task
from taskyard.lifespan import Lifespan
from taskyard.payloads.codec import encode_json

S = TypeVar("S", default=Any)


class Logger(Protocol):
    """Structured logger: an event and its fields, as in ``logger.info("sent", to=address)``."""

    def debug(self, event: str, *args: Any, **fields: Any) -> Any:
        """Log at the level debug."""

    def info(self, event: str, *args: Any, **fields: Any) -> Any:
        """Log at the level info."""

    def warning(self, event: str, *args: Any, **fields: Any) -> Any:
        """Log at the level warning."""

    def error(self, event: str, *args: Any, **fields: Any) -> Any:
        """Log at the level error."""

    def critical(self, event: str, *args: Any, **fields: Any) -> Any:
        """Log at the level critical."""

    def exception(self, event: str, *args: Any, **fields: Any) -> Any:
        """Log at the level error, with the exception that is being handled."""

    def bind(self, **fields: Any) -> Logger:
        """A logger that adds these fields to each line."""


class Context(Generic[S]):
    """The optional second argument of a handler. Workers create it, and :func:`taskyard.testing.run` does.

    Args:
        task: the running task.
        attempt: 1 for the first attempt.
        deadline_at_ms: when the attempt is stopped: at its timeout or the task's deadline, whichever is first.
        report: receives the value of :meth:`progress` as JSON.
        fence: the fencing token of the run.
        lifespan: holds the state of the handler's app.
    """

    __slots__ = ("attempt", "cancelled", "deadline_at_ms", "fence", "lifespan", "report", "result", "task")

    def __init__(
        self,
        task: Task,
        attempt: int,
        deadline_at_ms: int,
        report: Callable[[bytes], None],
        fence: int,
        lifespan: Lifespan[Any],
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
        self.lifespan = lifespan

    @property
    def state(self) -> S:
        """The state of the app, from its lifespan; ``None`` for an app without one.

        Raises:
            StateUnavailable: in a process handler: the state lives in the worker's own process.
        """
        state: S = self.lifespan.state
        return state

    @property
    def deadline(self) -> datetime:
        """Time at which the attempt is stopped."""
        return datetime.fromtimestamp(self.deadline_at_ms / 1000, tz=UTC)

    @property
    def logger(self) -> Logger:
        """A logger whose lines have the fields of the task."""
        raise NotImplementedError

    def progress(self, value: object) -> None:
        """Report progress, which readers of the task see.

        May be called often and from any thread: only the latest value is sent, a few times a second.

        Raises:
            TypeError: ``value`` is not serializable as JSON.
        """
        self.report(encode_json(value))
