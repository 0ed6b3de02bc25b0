from __future__ import annotations

from typing import Any

import pytest

from queuecore.domain.task import ArchiveReason, Attempt, FencingToken, Task
from queuecore.store.attempts.maintenance import ExpiredLease, LeasedTask, Reclaim
from queuecore.testing.builders import make_task, now_ms
from queuescheduler.reclaim.decision import (
    EXTRA_LOSSES,
    MAX_RETRY_DELAY_MS,
    MAX_UNCONFIRMED,
    RETRY_GAP_MS,
    PoisonSuspects,
    SuspectRank,
    decide_reclaim,
)

NOW_MS = now_ms()
NO_OTHERS = SuspectRank()


def make_lease(
    task: Task | None,
    *,
    attempt: int = 1,
    losses: int = 0,
    cancel_requested: bool = False,
    worker: str = "w-1",
    excused: int = 0,
    confirmed: bool = True,
) -> ExpiredLease:
    opened = Attempt(number=attempt, worker=worker, pod="pod", started_at_ms=NOW_MS - 1_000)
    return ExpiredLease("default", "id", task, FencingToken(1), opened, losses, cancel_requested, excused, confirmed)


def decide(task: Task | None, rank: SuspectRank = NO_OTHERS, **changes: Any) -> Reclaim:
    return decide_reclaim(make_lease(task, **changes), NOW_MS, 2, rank)


def test_lost_task_is_retried_at_once() -> None:
    reclaim = decide(make_task())
    assert (reclaim.retry_in_ms, reclaim.reason, reclaim.now_ms) == (0, None, NOW_MS)
    assert "w-1" in reclaim.error


def test_lost_task_is_retried_when_its_deadline_has_not_passed() -> None:
    assert decide(make_task(deadline_at_ms=NOW_MS + 1)).retry_in_ms == 0


def test_error_names_no_worker_when_it_is_unknown() -> None:
    assert "unknown" in decide(make_task(), worker="").error


@pytest.mark.parametrize(
    ("reclaim", "reason"),
    [
        (decide(None), ArchiveReason.UNREADABLE),
        (decide(make_task(), cancel_requested=True), ArchiveReason.CANCELLED),
        (decide(make_task(deadline_at_ms=NOW_MS)), ArchiveReason.DEADLINE_EXCEEDED),
        (decide(make_task(), losses=1), ArchiveReason.POISON),
        (decide(make_task(max_retries=2), attempt=3), ArchiveReason.RETRIES_EXHAUSTED),
    ],
)
def test_lost_task_is_archived_when_it_must_not_run_again(reclaim: Reclaim, reason: ArchiveReason) -> None:
    assert (reclaim.retry_in_ms, reclaim.reason) == (None, reason)


def test_attempt_is_not_charged_when_another_task_is_a_suspect() -> None:
    reclaim = decide(make_task(max_retries=0), SuspectRank(others=1))
    assert (reclaim.retry_in_ms, reclaim.excused, reclaim.reason) == (0, True, None)


def test_excused_attempts_use_no_retries() -> None:
    assert decide(make_task(max_retries=1), attempt=2, excused=1).reason is None
    assert decide(make_task(max_retries=1), attempt=2).reason is ArchiveReason.RETRIES_EXHAUSTED


def test_suspects_are_retried_one_after_the_other_when_there_are_several() -> None:
    reclaims = [decide(make_task(), SuspectRank(others=2, position=position), losses=1) for position in range(3)]
    assert [reclaim.retry_in_ms for reclaim in reclaims] == [0, RETRY_GAP_MS, 2 * RETRY_GAP_MS]
    assert not any(reclaim.excused for reclaim in reclaims)


def test_retry_delay_of_suspects_is_bounded_when_there_are_many() -> None:
    last = decide(make_task(), SuspectRank(others=9_999, position=9_999), losses=1)
    assert last.retry_in_ms is not None
    assert last.retry_in_ms <= MAX_RETRY_DELAY_MS


def test_suspect_is_archived_as_poison_when_its_extra_losses_are_used_up() -> None:
    assert decide(make_task(), SuspectRank(others=1), losses=EXTRA_LOSSES).reason is None
    assert decide(make_task(), SuspectRank(others=1), losses=1 + EXTRA_LOSSES).reason is ArchiveReason.POISON


def test_task_that_must_not_run_again_is_archived_when_another_task_is_a_suspect() -> None:
    reclaim = decide(make_task(), SuspectRank(others=1), cancel_requested=True)
    assert (reclaim.reason, reclaim.excused) == (ArchiveReason.CANCELLED, False)


def test_suspects_are_the_tasks_of_one_worker_that_lost_a_worker_before() -> None:
    held = [
        LeasedTask("w-1", "default", "id", 1),
        LeasedTask("w-1", "other", "id", 1),
        LeasedTask("w-1", "default", "fresh", 0),
        LeasedTask("w-2", "default", "elsewhere", 1),
    ]
    suspects = PoisonSuspects(held, poison_losses=2)
    assert suspects.rank(make_lease(make_task(), losses=1)) == SuspectRank(others=1, position=0)
    assert suspects.rank(make_lease(make_task(), worker="w-2")) == SuspectRank(others=1, position=0)
    assert suspects.rank(make_lease(make_task(), worker="w-3")) == SuspectRank()


def test_attempt_is_a_loss_but_not_charged_when_its_worker_never_confirmed_it() -> None:
    reclaim = decide(make_task(max_retries=0), confirmed=False)
    assert (reclaim.retry_in_ms, reclaim.reason, reclaim.excused, reclaim.suspected) == (0, None, True, True)


def test_task_is_poison_when_it_kills_its_workers_before_they_confirm() -> None:
    assert decide(make_task(), confirmed=False, losses=1).reason is ArchiveReason.POISON


def test_unconfirmed_attempt_is_charged_when_too_many_were_lost_in_a_row() -> None:
    lease = make_lease(make_task(max_retries=0), losses=MAX_UNCONFIRMED, confirmed=False)
    reclaim = decide_reclaim(lease, NOW_MS, 100, NO_OTHERS)
    assert (reclaim.reason, reclaim.excused) == (ArchiveReason.RETRIES_EXHAUSTED, False)


def test_attempt_beside_a_suspect_is_no_loss_when_it_was_unconfirmed() -> None:
    reclaim = decide(make_task(), SuspectRank(others=1), confirmed=False)
    assert (reclaim.excused, reclaim.suspected) == (True, False)
