"""The Taskyard worker: what a handler module needs is here, the rest is inside."""

from queueworker.context import TaskContext
from queueworker.errors import DoNotRetry, Retry
from queueworker.handlers import Handlers

__all__ = ["DoNotRetry", "Handlers", "Retry", "TaskContext"]
