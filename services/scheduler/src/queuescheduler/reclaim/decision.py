"""Retry or archive a task whose worker was lost. Pure.

One of the tasks that a lost worker ran may have killed it. Tasks that lost a worker before are the poison suspects.
A single suspect is archived as poison. Among several suspects the cause is unknown: they are retried one after the
other until a single one is left.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from queuecore.domain.task import ArchiveReason
from queuecore.store.attempts.maintenance import ExpiredLease, LeasedTask, Reclaim

EXTRA_LOSSES = 3
"""Workers beyond ``poison_losses`` that a suspect may lose while its worker ran other suspects."""
RETRY_GAP_MS = 1_000
"""Between the retries of suspects: most poison tasks kill their worker at once."""
MAX_UNCONFIRMED = 5
"""Losses in a row after which an attempt is charged although its worker never confirmed it."""
MAX_RETRY_DELAY_MS = 60_000
"""Upper bound for the retry of the last suspect, however many there are."""


class SuspectRank(NamedTuple):
    """Place of a task among the poison suspects of its worker."""

    others: int = 0
    """Suspects besides this task."""
    position: int = 0
    """Position in the order of retries, if the task is a suspect."""


class PoisonSuspects:
    """The poison suspects of each lost worker.

    Args:
        held: all tasks that the lost workers had leased.
        poison_losses: see :func:`decide_reclaim`.
    """

    def __init__(self, held: Iterable[LeasedTask], poison_losses: int) -> None:
        self._by_worker: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for each in sorted(held):
            if each.losses + 1 >= poison_losses:
                self._by_worker[each.worker].append((each.queue, each.task_id))

    def rank(self, lease: ExpiredLease) -> SuspectRank:
        """The rank of the task of an expired lease."""
        suspects = self._by_worker.get(lease.attempt.worker, [])
        task = (lease.queue, lease.task_id)
        if task in suspects:
            return SuspectRank(len(suspects) - 1, suspects.index(task))
        return SuspectRank(len(suspects))


def decide_reclaim(lease: ExpiredLease, now_ms: int, poison_losses: int, rank: SuspectRank) -> Reclaim:
    """Decide between a retry and the archive.

    A lost worker is not a failure of the task, so the retry has no backoff. A lost attempt is not charged to a task
    that is no suspect and ran beside one. Nor is one charged that its worker never confirmed, because the reply to the
    lease call may have been lost and the task never have run; it counts as a loss all the same, so a task that kills
    its workers at once becomes a suspect.

    Args:
        lease: the expired lease.
        now_ms: the server's clock.
        poison_losses: lost attempts in a row that make a task a poison suspect.
        rank: of the task among the suspects of its worker.
    """
    is_suspect = lease.losses + 1 >= poison_losses
    is_poison = is_suspect and not _may_be_innocent(lease, poison_losses, rank)
    beside_suspect = rank.others > 0 and not is_suspect
    excused = beside_suspect or (not lease.confirmed and lease.losses < MAX_UNCONFIRMED)
    reason = _archive_reason(lease, now_ms, is_poison, excused)
    return Reclaim(
        lease=lease,
        now_ms=now_ms,
        error=f"the lease of worker {lease.attempt.worker or 'unknown'} lapsed: it died, hung or was cut off",
        retry_in_ms=_retry_delay_ms(rank) if reason is None else None,
        reason=reason,
        excused=excused and reason is None,
        suspected=not (beside_suspect and reason is None),
    )


def _may_be_innocent(lease: ExpiredLease, poison_losses: int, rank: SuspectRank) -> bool:
    return rank.others > 0 and lease.losses + 1 < poison_losses + EXTRA_LOSSES


def _retry_delay_ms(rank: SuspectRank) -> int:
    return min(RETRY_GAP_MS, MAX_RETRY_DELAY_MS // (rank.others + 1)) * rank.position


def _archive_reason(lease: ExpiredLease, now_ms: int, is_poison: bool, excused: bool) -> ArchiveReason | None:
    task = lease.task
    if task is None:
        return ArchiveReason.UNREADABLE
    if lease.cancel_requested:
        return ArchiveReason.CANCELLED
    if task.deadline_at_ms is not None and task.deadline_at_ms <= now_ms:
        return ArchiveReason.DEADLINE_EXCEEDED
    if is_poison:
        return ArchiveReason.POISON
    if not excused and not task.allows_retry_after(lease.counted_attempt):
        return ArchiveReason.RETRIES_EXHAUSTED
    return None
