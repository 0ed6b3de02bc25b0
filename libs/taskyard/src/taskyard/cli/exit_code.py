"""Exit codes of the command line, one per kind of failure, for scripts."""

from __future__ import annotations

from enum import IntEnum

from queuecore.errors import ConfigError, InvalidField
from taskyard.errors import (
    HandlerError,
    NotAvailable,
    NotConnected,
    ResultTimeout,
    TaskFailed,
    Unauthorized,
    UnknownTask,
)


class ExitCode(IntEnum):
    """The exit code of a command."""

    DONE = 0
    REFUSED = 1
    """The API refused the call, or some tasks of a batch; a check found a problem."""
    USAGE = 2
    """The arguments or the configuration are invalid."""
    UNKNOWN_TASK = 3
    TASK_FAILED = 4
    """The task that the command waited for is archived."""
    TIMED_OUT = 5
    """The task has not ended in time."""
    UNREACHABLE = 6
    """The API, or its store, does not answer."""
    UNAUTHORIZED = 7
    INTERRUPTED = 130
    """Ctrl-C."""


_BY_ERROR: tuple[tuple[type[Exception] | tuple[type[Exception], ...], ExitCode], ...] = (
    ((ConfigError, InvalidField, HandlerError), ExitCode.USAGE),
    (UnknownTask, ExitCode.UNKNOWN_TASK),
    (TaskFailed, ExitCode.TASK_FAILED),
    (ResultTimeout, ExitCode.TIMED_OUT),
    ((NotConnected, NotAvailable), ExitCode.UNREACHABLE),
    (Unauthorized, ExitCode.UNAUTHORIZED),
)


def exit_code_of(error: Exception) -> ExitCode:
    """The exit code after an error."""
    return next((code for kind, code in _BY_ERROR if isinstance(error, kind)), ExitCode.REFUSED)
