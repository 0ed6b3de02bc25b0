from __future__ import annotations

import pytest

from queuecore.domain.task import ArchiveReason, Attempt, Task
from queuecore.store.upkeep import LapsedLease, Reclaim
from queuecore.testing.builders import make_task, now_ms
from queuescheduler.lapse import judge_lapse

NOW_MS = now_ms()


def judge(
    task: Task | None, *, attempt: int = 1, losses: int = 0, cancel_requested: bool = False, worker: str = "w-1"
) -> Reclaim:
    opened = Attempt(number=attempt, worker=worker, pod="pod", started_at_ms=NOW_MS - 1_000)
    lapsed = LapsedLease("default", "id", task, 1, opened, losses, cancel_requested)
    return judge_lapse(lapsed, NOW_MS, poison_losses=2)


def test_a_lost_task_is_retried_at_once() -> None:
    reclaim = judge(make_task())
    assert (reclaim.retry_in_ms, reclaim.reason, reclaim.now_ms) == (0, None, NOW_MS)
    assert "w-1" in reclaim.error


def test_a_lost_task_is_retried_when_its_deadline_is_yet_to_come() -> None:
    assert judge(make_task(deadline_at_ms=NOW_MS + 1)).retry_in_ms == 0


def test_the_error_says_so_when_the_worker_is_not_known() -> None:
    assert "unknown" in judge(make_task(), worker="").error


@pytest.mark.parametrize(
    ("reclaim", "reason"),
    [
        (judge(None), ArchiveReason.UNREADABLE),
        (judge(make_task(), cancel_requested=True), ArchiveReason.CANCELLED),
        (judge(make_task(deadline_at_ms=NOW_MS)), ArchiveReason.DEADLINE_EXCEEDED),
        (judge(make_task(), losses=1), ArchiveReason.POISON),
        (judge(make_task(max_retries=2), attempt=3), ArchiveReason.RETRIES_EXHAUSTED),
    ],
)
def test_a_lost_task_is_archived_when_it_must_not_run_again(reclaim: Reclaim, reason: ArchiveReason) -> None:
    assert (reclaim.retry_in_ms, reclaim.reason) == (None, reason)
