from __future__ import annotations

from queueworker.pending_queues import CHECK_S, CHECK_S_PER_QUEUE, FEW, PendingQueues

MANY = [f"{number}" for number in range(1_000)]


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_candidates_are_in_the_order_of_the_worker_when_they_were_added_in_another() -> None:
    queues = PendingQueues(MANY, Clock())
    queues.add(["700", "7"])
    assert queues.candidates() == ["7", "700"]
    queues.remove("7")
    assert queues.candidates() == ["700"]


def test_queues_are_checked_first_when_they_are_many() -> None:
    queues = PendingQueues(MANY, Clock())
    assert queues.candidates() == []
    assert queues.take_due(set()) == MANY


def test_queues_are_leased_from_at_once_when_they_are_few() -> None:
    queues = PendingQueues(MANY[:FEW], Clock())
    assert queues.candidates() == MANY[:FEW]
    assert queues.take_due(set()) == []


def test_queues_are_checked_again_when_the_interval_has_passed() -> None:
    clock = Clock()
    queues = PendingQueues(MANY, clock)
    queues.take_due(set())
    clock.now = CHECK_S
    assert queues.take_due(set()) == []
    clock.now = 1_000 * CHECK_S_PER_QUEUE
    assert len(queues.take_due(set())) == 1_000


def test_queue_is_not_checked_when_it_was_asked_just_now_or_has_tasks() -> None:
    queues = PendingQueues(["a", "b", "c"], Clock())
    queues.remove("b")
    queues.remove("c")
    assert queues.take_due({"b"}) == ["c"]
