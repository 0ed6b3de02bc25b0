"""Log of executions: handlers append lines to a file, which survives every fault of their process."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

LOG_VARIABLE = "TASKS_EXECUTION_LOG"
"""Environment variable with the path of the file, inherited by the handlers."""


class Entry(NamedTuple):
    """One line."""

    event: str
    """``started``, followed by ``ended`` or ``failed`` unless the execution was stopped."""
    task_id: str
    attempt: int
    worker_pid: int
    handler_pid: int
    """Differs from the worker's pid for handlers in a child process."""
    at_s: float
    """Monotonic clock, shared by all processes of a machine."""


def record(event: str, task_id: str, attempt: int, worker_pid: int) -> None:
    """Append a line atomically, with a single write."""
    line = f"{event} {task_id} {attempt} {worker_pid} {os.getpid()} {time.monotonic():.6f}\n"
    file = os.open(os.environ[LOG_VARIABLE], os.O_WRONLY | os.O_APPEND)
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)


@contextmanager
def recorded(task_id: str, attempt: int, worker_pid: int) -> Iterator[None]:
    """Record the start of the block, and its end or failure unless it is stopped."""
    record("started", task_id, attempt, worker_pid)
    try:
        yield
    except Exception:
        record("failed", task_id, attempt, worker_pid)
        raise
    record("ended", task_id, attempt, worker_pid)


class ExecutionLog:
    """Reader of the file."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    def entries(self) -> list[Entry]:
        """All entries so far, in the order of their writes."""
        return [_parse(line) for line in self.path.read_text().splitlines()]

    def started(self, *task_ids: str) -> list[Entry]:
        """Started executions, of some tasks or of all."""
        return [
            each for each in self.entries() if each.event == "started" and (not task_ids or each.task_id in task_ids)
        ]

    def started_ids(self) -> set[str]:
        """Ids of started tasks."""
        return {each.task_id for each in self.started()}


def _parse(line: str) -> Entry:
    event, task_id, attempt, worker_pid, handler_pid, at_s = line.split(" ")
    return Entry(event, task_id, int(attempt), int(worker_pid), int(handler_pid), float(at_s))
