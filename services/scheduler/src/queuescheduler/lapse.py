"""What becomes of a task whose worker let its lease lapse. Pure."""

from __future__ import annotations

from queuecore.domain.task import ArchiveReason
from queuecore.store.upkeep import LapsedLease, Reclaim


def judge_lapse(lapsed: LapsedLease, now_ms: int, poison_losses: int) -> Reclaim:
    """Retry at once, or archive.

    A lost worker is not the task's failure, so there is no delay; but a task that loses its worker every time it runs
    is taken for the cause.

    Args:
        lapsed: the task and the attempt that was cut off.
        now_ms: the server's clock.
        poison_losses: after how many lost attempts in a row a task is given up.
    """
    reason = _reason_to_archive(lapsed, now_ms, poison_losses)
    return Reclaim(
        lapsed=lapsed,
        now_ms=now_ms,
        error=f"the lease of worker {lapsed.attempt.worker or 'unknown'} lapsed: it died, hung or was cut off",
        retry_in_ms=0 if reason is None else None,
        reason=reason,
    )


def _reason_to_archive(lapsed: LapsedLease, now_ms: int, poison_losses: int) -> ArchiveReason | None:
    task = lapsed.task
    if task is None:
        return ArchiveReason.UNREADABLE
    if lapsed.cancel_requested:
        return ArchiveReason.CANCELLED
    if task.deadline_at_ms is not None and task.deadline_at_ms <= now_ms:
        return ArchiveReason.DEADLINE_EXCEEDED
    if lapsed.losses + 1 >= poison_losses:
        return ArchiveReason.POISON
    if not task.allows_retry_after(lapsed.attempt.number):
        return ArchiveReason.RETRIES_EXHAUSTED
    return None
