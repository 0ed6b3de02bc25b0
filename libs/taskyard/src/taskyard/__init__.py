"""Taskyard: a task queue for services.

Write tasks::

    app = Taskyard()

    @app.task("greet")
    async def greet(greeting: Greeting, context: Context) -> dict[str, str]: ...

enqueue them (``await greet.enqueue(Greeting("Ada"))``, ``greet.enqueue_sync(...)``, or with a :class:`Client`), and
test them with :mod:`taskyard.testing`.
"""

from queuecore.errors import ConfigError, InvalidField, TaskyardError
from taskyard.app import Taskyard
from taskyard.client import AsyncClient, Client
from taskyard.client.batch import AsyncBatch, Batch
from taskyard.client.handle import Handle, SyncHandle
from taskyard.context import Context, Logger
from taskyard.errors import (
    ClientError,
    DoNotRetry,
    DuplicateTask,
    HandlerError,
    InvalidPayload,
    NotAvailable,
    NotConnected,
    PayloadRefused,
    QueueFull,
    Refused,
    ResultError,
    ResultNotKept,
    ResultTimeout,
    Retry,
    ServerTooOld,
    StateUnavailable,
    TaskFailed,
    Unauthorized,
    UnknownTask,
    UnknownTaskType,
    WrongState,
)
from taskyard.options import Backoff, Duration, EnqueueOptions, Exponential, Fixed, TaskOptions
from taskyard.request import Request
from taskyard.task import Task
from taskyard.views import AttemptInfo, QueueStats, TaskInfo

__all__ = [
    # Tasks
    "Taskyard",
    "Task",
    "Context",
    "Logger",
    "Retry",
    "DoNotRetry",
    # Options
    "TaskOptions",
    "EnqueueOptions",
    "Duration",
    "Backoff",
    "Exponential",
    "Fixed",
    # Enqueueing
    "Request",
    "Handle",
    "SyncHandle",
    "Batch",
    "AsyncBatch",
    "Client",
    "AsyncClient",
    "TaskInfo",
    "AttemptInfo",
    "QueueStats",
    # Errors
    "TaskyardError",
    "ConfigError",
    "InvalidField",
    "HandlerError",
    "InvalidPayload",
    "StateUnavailable",
    "ClientError",
    "NotConnected",
    "Refused",
    "Unauthorized",
    "UnknownTaskType",
    "PayloadRefused",
    "DuplicateTask",
    "QueueFull",
    "UnknownTask",
    "WrongState",
    "NotAvailable",
    "ServerTooOld",
    "ResultError",
    "TaskFailed",
    "ResultTimeout",
    "ResultNotKept",
]
