"""The Taskyard worker: what a handler module needs is here, the rest is inside."""

from queueworker.handlers.context import TaskContext
from queueworker.handlers.errors import DoNotRetry, Retry
from queueworker.handlers.registry import Handlers

__all__ = ["DoNotRetry", "Handlers", "Retry", "TaskContext"]
