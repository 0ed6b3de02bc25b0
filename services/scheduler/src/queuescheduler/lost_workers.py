"""What becomes of a task whose worker let its lease lapse. Pure.

Of all tasks that a lost worker held, one may have killed it. Those that have lost a worker before are the suspects. A
single suspect is taken for the cause; of several it cannot be told which of them it is, so they run again one after
the other, until it can.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from queuecore.domain.task import ArchiveReason
from queuecore.store.attempts.maintenance import HeldTask, LapsedLease, Reclaim

PATIENCE = 3
"""How many more workers than usual a task may lose while others are as suspect as it is."""
GAP_MS = 1_000
"""Between the retries of suspects: most of what kills its worker does so at once."""
LONGEST_DELAY_MS = 60_000
"""However many suspects there are, the last is retried after this time."""


class Suspicion(NamedTuple):
    """How a task stands among the suspects of its worker's loss."""

    others: int = 0
    """How many others are suspects."""
    place: int = 0
    """Its place among the suspects, if it is one of them."""


class Suspects:
    """The suspects of each lost worker.

    Args:
        held: all that the lost workers held.
        poison_losses: see :func:`judge_lapse`.
    """

    def __init__(self, held: Iterable[HeldTask], poison_losses: int) -> None:
        self._of_worker: dict[str, list[tuple[str, str]]] = defaultdict(list)
        for each in sorted(held):
            if each.losses + 1 >= poison_losses:
                self._of_worker[each.worker].append((each.queue, each.task_id))

    def suspicion(self, lapsed: LapsedLease) -> Suspicion:
        """How this task stands."""
        suspects = self._of_worker.get(lapsed.attempt.worker, [])
        task = (lapsed.queue, lapsed.task_id)
        if task in suspects:
            return Suspicion(len(suspects) - 1, suspects.index(task))
        return Suspicion(len(suspects))


def judge_lapse(lapsed: LapsedLease, now_ms: int, poison_losses: int, suspicion: Suspicion) -> Reclaim:
    """Retry, or archive.

    A lost worker is not the task's failure, so there is no back-off. A task beside which there is a suspect, and which
    is none itself, does not even lose the attempt.

    Args:
        lapsed: the task and the attempt that was cut off.
        now_ms: the server's clock.
        poison_losses: after how many lost attempts in a row a task is a suspect.
        suspicion: how it stands among those that its worker held.
    """
    is_suspect = lapsed.losses + 1 >= poison_losses
    is_cause = is_suspect and not _may_be_innocent(lapsed, poison_losses, suspicion)
    excused = suspicion.others > 0 and not is_suspect
    reason = _reason_to_archive(lapsed, now_ms, is_cause, excused)
    return Reclaim(
        lapsed=lapsed,
        now_ms=now_ms,
        error=f"the lease of worker {lapsed.attempt.worker or 'unknown'} lapsed: it died, hung or was cut off",
        retry_in_ms=_delay_ms(suspicion) if reason is None else None,
        reason=reason,
        excused=excused and reason is None,
    )


def _may_be_innocent(lapsed: LapsedLease, poison_losses: int, suspicion: Suspicion) -> bool:
    return suspicion.others > 0 and lapsed.losses + 1 < poison_losses + PATIENCE


def _delay_ms(suspicion: Suspicion) -> int:
    return min(GAP_MS, LONGEST_DELAY_MS // (suspicion.others + 1)) * suspicion.place


def _reason_to_archive(lapsed: LapsedLease, now_ms: int, is_cause: bool, excused: bool) -> ArchiveReason | None:
    task = lapsed.task
    if task is None:
        return ArchiveReason.UNREADABLE
    if lapsed.cancel_requested:
        return ArchiveReason.CANCELLED
    if task.deadline_at_ms is not None and task.deadline_at_ms <= now_ms:
        return ArchiveReason.DEADLINE_EXCEEDED
    if is_cause:
        return ArchiveReason.POISON
    if not excused and not task.allows_retry_after(lapsed.counted_attempt):
        return ArchiveReason.RETRIES_EXHAUSTED
    return None
