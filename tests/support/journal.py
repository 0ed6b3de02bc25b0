"""What handlers really did, told by themselves: lines in a file, which outlive whatever happens to their process."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

VARIABLE = "TASKS_JOURNAL"
"""Names the file to the services; their handlers inherit it."""


class Entry(NamedTuple):
    """One line."""

    event: str
    """``started``; then ``ended`` or ``failed``, unless it was stopped."""
    task_id: str
    attempt: int
    worker_pid: int
    handler_pid: int
    """Another than the worker's for handlers that run in a child."""
    at_s: float
    """By the monotonic clock, which all processes of a machine share."""


def write(event: str, task_id: str, attempt: int, worker_pid: int) -> None:
    """Add a line. Whole lines only: one write, always at the end of the file."""
    line = f"{event} {task_id} {attempt} {worker_pid} {os.getpid()} {time.monotonic():.6f}\n"
    file = os.open(os.environ[VARIABLE], os.O_WRONLY | os.O_APPEND)
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)


@contextmanager
def written(task_id: str, attempt: int, worker_pid: int) -> Iterator[None]:
    """Write the start of what is inside, and its end if it comes to an end by itself."""
    write("started", task_id, attempt, worker_pid)
    try:
        yield
    except Exception:
        write("failed", task_id, attempt, worker_pid)
        raise
    write("ended", task_id, attempt, worker_pid)


class Journal:
    """Reads the lines."""

    def __init__(self, path: Path) -> None:
        self.path = path
        path.touch()

    def entries(self) -> list[Entry]:
        """All lines so far, in the order in which they were written."""
        return [_parse(line) for line in self.path.read_text().splitlines()]

    def started(self, *task_ids: str) -> list[Entry]:
        """The executions begun so far, of these tasks or of all."""
        return [
            each for each in self.entries() if each.event == "started" and (not task_ids or each.task_id in task_ids)
        ]

    def started_ids(self) -> set[str]:
        """The tasks that were begun."""
        return {each.task_id for each in self.started()}


def _parse(line: str) -> Entry:
    event, task_id, attempt, worker_pid, handler_pid, at_s = line.split(" ")
    return Entry(event, task_id, int(attempt), int(worker_pid), int(handler_pid), float(at_s))
