from __future__ import annotations

import pytest

from queuecore.domain.retry import RetryPolicy
from queuecore.domain.task import ArchiveReason
from queuecore.testing.builders import now_ms
from queueworker.runs.retry_decision import decide_after_error, decide_after_stop
from queueworker.runs.run import StopReason
from taskyard import DoNotRetry, Retry
from taskyard.retry_decision import RetryDecision
from tests.unit.queueworker.leases import make_lease

CONSTANT = RetryPolicy(curve="constant", base_ms=700, jitter=0)


def middle() -> float:
    return 0.5


def test_error_is_retried_after_the_delay_of_the_retry_policy() -> None:
    policy = RetryPolicy(curve="linear", base_ms=100, jitter=0)
    lease = make_lease(attempt=3, retry_policy=policy)
    assert decide_after_error(lease, ValueError(), 5, middle) == RetryDecision(300)


def test_error_is_retried_with_jitter() -> None:
    lease = make_lease(retry_policy=RetryPolicy(base_ms=1_000, jitter=0.5))
    assert decide_after_error(lease, ValueError(), 5, lambda: 0.0) == RetryDecision(500)


def test_error_archives_when_no_retry_is_left() -> None:
    assert decide_after_error(make_lease(attempt=2, max_retries=2), ValueError(), 5, middle).reason is None
    decision = decide_after_error(make_lease(attempt=3, max_retries=2), ValueError(), 5, middle)
    assert decision == RetryDecision(None, ArchiveReason.RETRIES_EXHAUSTED)


@pytest.mark.parametrize("after_s", [0, 2.5])
def test_retry_is_made_after_the_delay_of_the_handler_when_it_gives_one(after_s: float) -> None:
    assert decide_after_error(make_lease(retry_policy=CONSTANT), Retry(after=after_s), 5, middle) == RetryDecision(
        round(after_s * 1000)
    )


def test_retry_is_made_after_the_delay_of_the_policy_when_the_handler_gives_none() -> None:
    assert decide_after_error(make_lease(retry_policy=CONSTANT), Retry("later"), 5, middle) == RetryDecision(700)


def test_retry_archives_when_no_retry_is_left() -> None:
    decision = decide_after_error(make_lease(max_retries=0), Retry(after=1), 5, middle)
    assert decision == RetryDecision(None, ArchiveReason.RETRIES_EXHAUSTED)


def test_do_not_retry_archives_when_retries_are_left() -> None:
    decision = decide_after_error(make_lease(), DoNotRetry("no use"), 5, middle)
    assert decision == RetryDecision(None, ArchiveReason.DO_NOT_RETRY)


def test_task_is_archived_when_its_retry_would_start_after_the_deadline() -> None:
    soon = make_lease(retry_policy=CONSTANT, deadline_at_ms=now_ms() + 10_000)
    assert decide_after_error(soon, ValueError(), 5, middle) == RetryDecision(700)
    decision = decide_after_error(soon, ValueError(), 9_900, middle)
    assert decision == RetryDecision(None, ArchiveReason.DEADLINE_EXCEEDED)


@pytest.mark.parametrize(
    ("stopped_by", "decision"),
    [
        (StopReason.CANCELLED, RetryDecision(None, ArchiveReason.CANCELLED)),
        (StopReason.DEADLINE, RetryDecision(None, ArchiveReason.DEADLINE_EXCEEDED)),
        (StopReason.TIMEOUT, RetryDecision(700)),
    ],
)
def test_stop_is_decided_by_its_reason(stopped_by: StopReason, decision: RetryDecision) -> None:
    assert decide_after_stop(make_lease(retry_policy=CONSTANT), stopped_by, 5, middle) == decision


def test_timeout_archives_when_no_retry_is_left() -> None:
    decision = decide_after_stop(make_lease(max_retries=0), StopReason.TIMEOUT, 5, middle)
    assert decision == RetryDecision(None, ArchiveReason.RETRIES_EXHAUSTED)
