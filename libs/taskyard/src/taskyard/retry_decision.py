"""Retry or archive a task after a failed attempt. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from queuecore.domain.task import ArchiveReason, Task
from taskyard.errors import DoNotRetry, Retry


class RetryDecision(NamedTuple):
    """A retry or the archive."""

    retry_in_ms: int | None
    """Delay of the retry; ``None``: the task is archived."""
    reason: ArchiveReason | None = None
    """Reason for the archive."""


def decide_after_error(
    task: Task, attempt: int, ended_at_ms: int, error: BaseException, random: Callable[[], float]
) -> RetryDecision:
    """Decide after an attempt whose handler raised ``error``.

    Args:
        task: the task.
        attempt: the number of the attempt, 1 for the first; without those that are not charged to the task.
        ended_at_ms: end of the attempt, Unix ms.
        error: raised by the handler.
        random: returns values in [0, 1), for the jitter.
    """
    if isinstance(error, DoNotRetry):
        return RetryDecision(None, ArchiveReason.DO_NOT_RETRY)
    after_ms = error.after_ms if isinstance(error, Retry) else None
    return retry_or_archive(task, attempt, ended_at_ms, after_ms, random)


def retry_or_archive(
    task: Task, attempt: int, ended_at_ms: int, after_ms: int | None, random: Callable[[], float]
) -> RetryDecision:
    """Retry if a retry is left and starts before the task's deadline.

    Args:
        task: the task.
        attempt: as for :func:`decide_after_error`.
        ended_at_ms: as for :func:`decide_after_error`.
        after_ms: delay of the retry; ``None``: the delay of the task's retry policy.
        random: as for :func:`decide_after_error`.
    """
    if not task.allows_retry_after(attempt):
        return RetryDecision(None, ArchiveReason.RETRIES_EXHAUSTED)
    delay_ms = after_ms if after_ms is not None else task.retry_policy.delay_ms(attempt, random)
    if task.deadline_at_ms is not None and ended_at_ms + delay_ms >= task.deadline_at_ms:
        return RetryDecision(None, ArchiveReason.DEADLINE_EXCEEDED)
    return RetryDecision(delay_ms)
