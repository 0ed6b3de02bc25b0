"""Retry or archive a task after an attempt of this worker. Pure."""

from __future__ import annotations

from collections.abc import Callable

from queuecore.domain.task import ArchiveReason
from queuecore.store.attempts.leases import Lease
from queueworker.runs.run import StopReason
from taskyard import retry_decision
from taskyard.retry_decision import RetryDecision, retry_or_archive


def decide_after_error(lease: Lease, error: BaseException, run_ms: int, random: Callable[[], float]) -> RetryDecision:
    """Decide after an attempt that raised ``error`` after ``run_ms``.

    Args:
        lease: of the attempt.
        error: raised by the handler.
        run_ms: duration of the attempt.
        random: returns values in [0, 1), for the jitter.
    """
    return retry_decision.decide_after_error(
        lease.task, lease.counted_attempt, lease.started_at_ms + run_ms, error, random
    )


def decide_after_stop(lease: Lease, stopped_by: StopReason, run_ms: int, random: Callable[[], float]) -> RetryDecision:
    """Decide after an attempt that was stopped after ``run_ms``; arguments as for :func:`decide_after_error`."""
    match stopped_by:
        case StopReason.CANCELLED:
            return RetryDecision(None, ArchiveReason.CANCELLED)
        case StopReason.DEADLINE:
            return RetryDecision(None, ArchiveReason.DEADLINE_EXCEEDED)
        case _:
            return retry_or_archive(lease.task, lease.counted_attempt, lease.started_at_ms + run_ms, None, random)
