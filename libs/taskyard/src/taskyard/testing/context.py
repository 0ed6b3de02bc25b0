"""Context of a handler under test: keeps its progress and its log lines."""

from __future__ import annotations

from typing import Any

import msgspec

from queuecore.domain.task import Task
from taskyard.context import Context, Logger
from taskyard.lifespan import Lifespan
from taskyard.testing.outcome import LogLine


class RecordingContext(Context[Any]):
    """A context that records.

    Args:
        task: the task.
        attempt: 1 for the first attempt.
        deadline_at_ms: when the attempt would be stopped.
        lifespan: holds the state.
    """

    __slots__ = ("lines", "reports")

    def __init__(self, task: Task, attempt: int, deadline_at_ms: int, lifespan: Lifespan[Any]) -> None:
        self.reports: list[Any] = []
        self.lines: list[LogLine] = []
        super().__init__(task, attempt, deadline_at_ms, self._receive, attempt, lifespan)

    @property
    def logger(self) -> Logger:
        """Records lines; the fields of the task, which a worker adds, are left out."""
        return _RecordingLogger(self.lines, {})

    def _receive(self, progress: bytes) -> None:
        self.reports.append(msgspec.json.decode(progress))


class _RecordingLogger:
    """A logger that records its lines.

    Args:
        lines: receives them.
        bound: fields of each line.
    """

    def __init__(self, lines: list[LogLine], bound: dict[str, Any]) -> None:
        self._lines = lines
        self._bound = bound

    def debug(self, event: str, *args: Any, **fields: Any) -> None:
        self._add("debug", event, args, fields)

    def info(self, event: str, *args: Any, **fields: Any) -> None:
        self._add("info", event, args, fields)

    def warning(self, event: str, *args: Any, **fields: Any) -> None:
        self._add("warning", event, args, fields)

    def error(self, event: str, *args: Any, **fields: Any) -> None:
        self._add("error", event, args, fields)

    def critical(self, event: str, *args: Any, **fields: Any) -> None:
        self._add("critical", event, args, fields)

    def exception(self, event: str, *args: Any, **fields: Any) -> None:
        self._add("error", event, args, fields)

    def bind(self, **fields: Any) -> Logger:
        return _RecordingLogger(self._lines, {**self._bound, **fields})

    def _add(self, level: str, event: str, args: tuple[Any, ...], fields: dict[str, Any]) -> None:
        self._lines.append(LogLine(level, event % args if args else event, {**self._bound, **fields}))
