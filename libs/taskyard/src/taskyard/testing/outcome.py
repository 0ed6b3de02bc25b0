"""Outcome of one attempt, with everything that the handler did on the way."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Generic

from typing_extensions import TypeVar

from taskyard.testing.recorded import RecordedTask

R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True)
class LogLine:
    """A line that the handler wrote to ``context.logger``."""

    level: str
    event: str
    fields: dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Outcome(Generic[R_co]):
    """The end of an attempt."""

    state: str
    """State of the task afterwards: ``completed``, ``retry`` or ``archived``."""
    result: R_co | None = None
    """The result as a reader gets it, decoded from its JSON; ``None`` after a failure."""
    error: str = ""
    """The error as the task shows it, such as ``ValueError: no such account``; empty after a success."""
    exception: BaseException | None = None
    """The exception of the handler."""
    reason: str | None = None
    """Why the task is archived, such as ``do_not_retry`` or ``retries_exhausted``."""
    retry_in: timedelta | None = None
    """Delay of the retry, without jitter."""
    progress: list[Any] = field(default_factory=list)
    """All values of ``context.progress``."""
    logs: list[LogLine] = field(default_factory=list)
    """All lines of ``context.logger``."""
    enqueued: list[RecordedTask] = field(default_factory=list)
    """What the handler enqueued through its app."""
