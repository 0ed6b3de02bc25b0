"""Retry or archive a task after a failed attempt. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from queuecore.domain.task import ArchiveReason
from queuecore.store.attempts.leases import Lease
from queueworker.handlers.errors import DoNotRetry, Retry
from queueworker.runs.run import StopReason


class RetryDecision(NamedTuple):
    """A retry or the archive."""

    retry_in_ms: int | None
    """Delay of the retry; ``None``: the task is archived."""
    reason: ArchiveReason | None = None
    """Reason for the archive."""


def decide_after_error(lease: Lease, error: BaseException, run_ms: int, random: Callable[[], float]) -> RetryDecision:
    """Decide after an attempt that raised ``error`` after ``run_ms``.

    Args:
        lease: of the attempt.
        error: raised by the handler.
        run_ms: duration of the attempt.
        random: returns values in [0, 1), for the jitter.
    """
    if isinstance(error, DoNotRetry):
        return RetryDecision(None, ArchiveReason.DO_NOT_RETRY)
    after_ms = error.after_ms if isinstance(error, Retry) else None
    return _retry_or_archive(lease, run_ms, after_ms, random)


def decide_after_stop(lease: Lease, stopped_by: StopReason, run_ms: int, random: Callable[[], float]) -> RetryDecision:
    """Decide after an attempt that was stopped after ``run_ms``; arguments as for :func:`decide_after_error`."""
    match stopped_by:
        case StopReason.CANCELLED:
            return RetryDecision(None, ArchiveReason.CANCELLED)
        case StopReason.DEADLINE:
            return RetryDecision(None, ArchiveReason.DEADLINE_EXCEEDED)
        case _:
            return _retry_or_archive(lease, run_ms, None, random)


def _retry_or_archive(lease: Lease, run_ms: int, after_ms: int | None, random: Callable[[], float]) -> RetryDecision:
    task = lease.task
    if not task.allows_retry_after(lease.counted_attempt):
        return RetryDecision(None, ArchiveReason.RETRIES_EXHAUSTED)
    delay_ms = after_ms if after_ms is not None else task.retry_policy.delay_ms(lease.counted_attempt, random)
    if task.deadline_at_ms is not None and lease.started_at_ms + run_ms + delay_ms >= task.deadline_at_ms:
        return RetryDecision(None, ArchiveReason.DEADLINE_EXCEEDED)
    return RetryDecision(delay_ms)
