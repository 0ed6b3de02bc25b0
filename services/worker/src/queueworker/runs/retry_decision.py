"""What becomes of a task after an attempt that did not succeed. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from queuecore.domain.task import ArchiveReason
from queuecore.store.attempts.leases import Lease
from queueworker.handlers.errors import DoNotRetry, Retry
from queueworker.runs.run import StopReason


class RetryDecision(NamedTuple):
    """Either a retry or the archive."""

    retry_in_ms: int | None
    reason: ArchiveReason | None = None


def decide_after_error(lease: Lease, error: BaseException, run_ms: int, random: Callable[[], float]) -> RetryDecision:
    """What follows an attempt that raised ``error`` after ``run_ms``."""
    if isinstance(error, DoNotRetry):
        return RetryDecision(None, ArchiveReason.DO_NOT_RETRY)
    asked_ms = error.after_ms if isinstance(error, Retry) else None
    return _retry_or_archive(lease, run_ms, asked_ms, random)


def decide_after_stop(lease: Lease, stopped_by: StopReason, run_ms: int, random: Callable[[], float]) -> RetryDecision:
    """What follows an attempt that was stopped after ``run_ms``."""
    match stopped_by:
        case StopReason.CANCELLED:
            return RetryDecision(None, ArchiveReason.CANCELLED)
        case StopReason.DEADLINE:
            return RetryDecision(None, ArchiveReason.DEADLINE_EXCEEDED)
        case _:
            return _retry_or_archive(lease, run_ms, None, random)


def _retry_or_archive(lease: Lease, run_ms: int, asked_ms: int | None, random: Callable[[], float]) -> RetryDecision:
    task = lease.task
    if not task.allows_retry_after(lease.counted_attempt):
        return RetryDecision(None, ArchiveReason.RETRIES_EXHAUSTED)
    delay_ms = asked_ms if asked_ms is not None else task.retry_policy.delay_ms(lease.counted_attempt, random)
    if task.deadline_at_ms is not None and lease.started_at_ms + run_ms + delay_ms >= task.deadline_at_ms:
        return RetryDecision(None, ArchiveReason.DEADLINE_EXCEEDED)
    return RetryDecision(delay_ms)
