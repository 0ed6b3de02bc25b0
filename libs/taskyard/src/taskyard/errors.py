"""The errors of the library, and the exceptions by which a handler ends its attempt.

::

    TaskyardError
    ├── HandlerError               a function cannot be a handler
    ├── InvalidPayload             a value is not the payload of its task type
    ├── StateUnavailable           the state of an app is read where it does not exist
    └── ClientError                a call of the API failed
        ├── NotConnected               the API did not answer in time
        ├── Refused                    the API answered with an error
        │   ├── Unauthorized               it refuses the token
        │   ├── UnknownTaskType            no worker has registered the task type
        │   ├── PayloadRefused             the payload violates the schema of its type, or is too large
        │   ├── DuplicateTask              an equal task, or one with the same id, exists
        │   ├── QueueFull                  the queue is at one of its limits
        │   ├── UnknownTask                no task has this id
        │   ├── WrongState                 the operation is refused in the state of the task
        │   ├── NotAvailable               the API is up, but its store is not
        │   └── ServerTooOld               the API does not know the operation
        └── ResultError                a task has no result
            ├── TaskFailed                 the task is archived
            ├── ResultTimeout              it has not ended in time
            └── ResultNotKept              it has ended, and its result is not kept

    Exception
    ├── Retry                      raised by a handler: retry after a delay
    └── DoNotRetry                 raised by a handler: archive the task
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from queuecore.domain.duration import parse_duration
from queuecore.errors import TaskyardError

if TYPE_CHECKING:
    from taskyard.views import TaskInfo


class Retry(Exception):
    """The attempt failed; retry the task after a delay.

    Args:
        message: the reason, which becomes the last error of the task.
        after: the delay: a timedelta, seconds, or a duration such as ``"30s"``. ``None``: the delay of the task's
            retry policy.

    Raises:
        InvalidDuration: ``after`` is a text that is not a duration.
    """

    def __init__(self, message: str = "", *, after: timedelta | float | str | None = None) -> None:
        super().__init__(message or "the handler asked for a retry")
        self.after_ms = None if after is None else _to_ms(after)


class DoNotRetry(Exception):
    """The attempt failed and no retry can succeed: archive the task, even if retries are left."""


class HandlerError(TaskyardError, TypeError):
    """The function cannot be a handler."""


class InvalidPayload(TaskyardError, ValueError):
    """The value is not a payload of its task type."""


class StateUnavailable(TaskyardError, RuntimeError):
    """The app's state exists only in a worker that has entered the app's lifespan."""


class ClientError(TaskyardError):
    """A call of the API failed."""


class NotConnected(ClientError, ConnectionError):
    """The API did not answer within the total time limit of the call."""


class Refused(ClientError):
    """The API answered with an error.

    Args:
        message: the problem and its remedy.
        status: the HTTP status.
        code: the API's error code, such as ``QUEUE_FULL``; empty if the answer was not the API's.
        details: the API's details of the error.
        retry_after_s: seconds after which the API suggests another try.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 0,
        code: str = "",
        details: Mapping[str, Any] | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.details = dict(details or {})
        self.retry_after_s = retry_after_s


class Unauthorized(Refused):
    """The API refuses the token, or what the token's owner may do."""


class UnknownTaskType(Refused):
    """No worker has registered the task type."""


class PayloadRefused(Refused):
    """The payload violates the schema of its task type, or is larger than the API accepts."""


class DuplicateTask(Refused):
    """An equal task holds the unique lock, or a task with this id exists."""

    @property
    def task_id(self) -> str:
        """Id of the task that exists already."""
        return str(self.details.get("task_id", ""))


class QueueFull(Refused):
    """The queue is at one of its limits."""


class UnknownTask(Refused):
    """No task has this id: it was deleted, or its retention is over."""


class WrongState(Refused):
    """The operation is refused in the state of the task."""


class NotAvailable(Refused):
    """The API answers, but could not serve the call within its total time limit."""


class ServerTooOld(Refused):
    """The API does not know the operation: it is older than this client."""


class ResultError(ClientError):
    """The task has no result."""


class TaskFailed(ResultError):
    """The task is archived: it failed, or was cancelled.

    Args:
        task: the archived task; ``task.reason`` and ``task.last_error`` say why.
    """

    def __init__(self, task: TaskInfo) -> None:
        why = f" ({task.reason})" if task.reason else ""
        super().__init__(f"task {task.id} of type {task.type} failed{why}: {task.last_error or 'no error is recorded'}")
        self.task = task


class ResultTimeout(ResultError, TimeoutError):
    """The task has not ended within the time limit; it still may."""


class ResultNotKept(ResultError):
    """The task is gone, and its result with it: its retention is over or 0, or it was deleted."""


def _to_ms(after: timedelta | float | str) -> int:
    if isinstance(after, str):
        return parse_duration(after, "after")
    seconds = after.total_seconds() if isinstance(after, timedelta) else after
    return max(0, round(seconds * 1000))
