from __future__ import annotations

import pytest

from taskyard import DuplicateTask, QueueFull, Refused, Unauthorized, UnknownTaskType
from taskyard.client.core.answers import Created
from taskyard.outbox.decision import LONGEST_PAUSE_MS, UNKNOWN_TYPE_MS, Verdict, decide, is_about_content

CREATED = Created(task_id="mine", queue="default", status="pending")


def decided(fate: Created | Refused, *, attempts: int = 0, age_ms: int = 0) -> Verdict:
    return decide(fate, "mine", attempts, age_ms, lambda: 1.0)


def duplicate_of(task_id: str) -> DuplicateTask:
    return DuplicateTask("taken", status=409, code="DUPLICATE_TASK", details={"task_id": task_id})


def test_row_is_relayed_when_its_task_exists() -> None:
    assert decided(CREATED) == Verdict("relayed")
    assert decided(duplicate_of("mine")) == Verdict("relayed")


def test_row_is_a_duplicate_when_another_task_holds_its_lock() -> None:
    assert decided(duplicate_of("other")) == Verdict("duplicate", "taken")


@pytest.mark.parametrize("status", [400, 409, 413, 422])
def test_row_is_refused_when_no_other_attempt_can_succeed(status: int) -> None:
    assert decided(Refused("bad", status=status, code="BAD")) == Verdict("refused", "bad")


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_row_waits_when_the_refusal_ends_by_itself(status: int) -> None:
    assert decided(Refused("later", status=status)) == Verdict("waiting", "later", 1_000)


def test_row_waits_when_a_permission_is_missing() -> None:
    assert decided(Unauthorized("no", status=403)).state == "waiting"


def test_row_waits_an_hour_when_no_worker_has_registered_its_type() -> None:
    error = UnknownTaskType("unknown", status=400, code="INVALID_TASK_TYPE")
    assert decided(error, age_ms=UNKNOWN_TYPE_MS - 1).state == "waiting"
    assert decided(error, age_ms=UNKNOWN_TYPE_MS).state == "refused"


def test_pause_doubles_up_to_a_limit_when_refusals_go_on() -> None:
    pauses = [decided(Refused("", status=500), attempts=attempts).pause_ms for attempts in (0, 1, 2, 1_000)]
    assert pauses == [1_000, 2_000, 4_000, LONGEST_PAUSE_MS]


def test_pause_is_what_the_api_asks_for_when_that_is_longer() -> None:
    assert decided(QueueFull("full", status=429, details={"retry_after_s": 60})).pause_ms == 60_000
    assert decided(Refused("busy", status=503, retry_after_s=30)).pause_ms == 30_000
    assert decided(QueueFull("full", status=429, details={"retry_after_s": "?"})).pause_ms == 1_000


def test_refusal_concerns_all_calls_when_it_is_not_about_their_content() -> None:
    assert is_about_content(Refused("", status=400, code="INVALID_REQUEST"))
    assert not is_about_content(Refused("", status=400))
    assert not is_about_content(Unauthorized("", status=401, code="UNAUTHORIZED"))
    assert not is_about_content(Refused("", status=503, code="OVERLOADED"))
