"""The Taskyard worker. Handler modules import from here; all other modules are internal."""

from queueworker.handlers.context import TaskContext
from queueworker.handlers.errors import DoNotRetry, Retry
from queueworker.handlers.registry import Handlers

__all__ = ["DoNotRetry", "Handlers", "Retry", "TaskContext"]
