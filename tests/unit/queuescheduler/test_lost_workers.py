from __future__ import annotations

from typing import Any

import pytest

from queuecore.domain.task import ArchiveReason, Attempt, Task
from queuecore.store.attempts.maintenance import HeldTask, LapsedLease, Reclaim
from queuecore.testing.builders import make_task, now_ms
from queuescheduler.lost_workers import GAP_MS, LONGEST_DELAY_MS, PATIENCE, Suspects, Suspicion, judge_lapse

NOW_MS = now_ms()


ALONE = Suspicion()


def make_lapsed(
    task: Task | None,
    *,
    attempt: int = 1,
    losses: int = 0,
    cancel_requested: bool = False,
    worker: str = "w-1",
    excused: int = 0,
) -> LapsedLease:
    opened = Attempt(number=attempt, worker=worker, pod="pod", started_at_ms=NOW_MS - 1_000)
    return LapsedLease("default", "id", task, 1, opened, losses, cancel_requested, excused)


def judge(task: Task | None, suspicion: Suspicion = ALONE, **lapse: Any) -> Reclaim:
    return judge_lapse(make_lapsed(task, **lapse), NOW_MS, 2, suspicion)


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


def test_a_task_beside_a_suspect_does_not_lose_the_attempt() -> None:
    reclaim = judge(make_task(max_retries=0), Suspicion(others=1))
    assert (reclaim.retry_in_ms, reclaim.excused, reclaim.reason) == (0, True, None)


def test_excused_attempts_do_not_use_retries_up() -> None:
    assert judge(make_task(max_retries=1), attempt=2, excused=1).reason is None
    assert judge(make_task(max_retries=1), attempt=2).reason is ArchiveReason.RETRIES_EXHAUSTED


def test_suspects_run_again_one_after_the_other_while_none_is_known_to_be_the_cause() -> None:
    reclaims = [judge(make_task(), Suspicion(others=2, place=place), losses=1) for place in range(3)]
    assert [reclaim.retry_in_ms for reclaim in reclaims] == [0, GAP_MS, 2 * GAP_MS]
    assert not any(reclaim.excused for reclaim in reclaims)


def test_the_last_of_many_suspects_does_not_wait_for_ever() -> None:
    last = judge(make_task(), Suspicion(others=9_999, place=9_999), losses=1)
    assert last.retry_in_ms is not None
    assert last.retry_in_ms <= LONGEST_DELAY_MS


def test_patience_with_suspects_ends() -> None:
    assert judge(make_task(), Suspicion(others=1), losses=PATIENCE).reason is None
    assert judge(make_task(), Suspicion(others=1), losses=1 + PATIENCE).reason is ArchiveReason.POISON


def test_a_task_that_must_not_run_again_is_archived_beside_a_suspect_too() -> None:
    reclaim = judge(make_task(), Suspicion(others=1), cancel_requested=True)
    assert (reclaim.reason, reclaim.excused) == (ArchiveReason.CANCELLED, False)


def test_suspects_are_those_of_the_same_worker_that_lost_one_before() -> None:
    held = [
        HeldTask("w-1", "default", "id", 1),
        HeldTask("w-1", "other", "id", 1),
        HeldTask("w-1", "default", "fresh", 0),
        HeldTask("w-2", "default", "elsewhere", 1),
    ]
    suspects = Suspects(held, poison_losses=2)
    assert suspects.suspicion(make_lapsed(make_task(), losses=1)) == Suspicion(others=1, place=0)
    assert suspects.suspicion(make_lapsed(make_task(), worker="w-2")) == Suspicion(others=1, place=0)
    assert suspects.suspicion(make_lapsed(make_task(), worker="w-3")) == Suspicion()
