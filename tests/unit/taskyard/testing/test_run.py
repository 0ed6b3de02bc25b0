from __future__ import annotations

from datetime import timedelta

import pytest

from taskyard import InvalidPayload
from taskyard.testing import LogLine, Outcome, run, run_async
from tests.unit.taskyard.testing.shop import (
    Order,
    Receipt,
    State,
    compute,
    fail,
    pay,
    raise_timeout,
    return_unfit,
    set_result,
    ship,
    sleep,
)


def test_outcome_has_all_that_the_handler_did() -> None:
    outcome = run(pay, Order(7))
    (shipping,) = outcome.enqueued
    assert outcome == Outcome(
        state="completed",
        result=Receipt(7),
        progress=[{"attempt": 1}],
        logs=[LogLine("info", "paying 7", {"order": 7, "state": "of the lifespan"})],
        enqueued=[shipping],
    )
    assert (shipping.type, shipping.queue, shipping.payload) == ("ship", "shipping", {"order": 7})
    assert shipping.options == {"queue": "shipping", "unique": "1h0m0s", "delay": "1h0m0s"}


def test_payload_may_be_the_json_that_another_service_posts() -> None:
    assert run(pay, {"number": 7}).result == Receipt(7)


def test_task_is_archived_when_the_payload_is_of_another_type() -> None:
    outcome = run(pay, {"number": "seven"})
    assert (outcome.state, outcome.reason, outcome.result) == ("archived", "do_not_retry", None)
    assert outcome.error.startswith("DoNotRetry: the payload is not what the handler takes: Expected `int`")


@pytest.mark.parametrize("payload", [[], "text", object()])
def test_payload_is_refused_when_its_json_is_no_object(payload: object) -> None:
    with pytest.raises(InvalidPayload, match="pay"):
        run(pay, payload)  # type: ignore[misc]


def test_state_may_be_given() -> None:
    assert run(ship, {"order": 1}, state=State("of the test")).result == "1, of the test"


def test_process_handler_has_no_state_as_in_production() -> None:
    assert run(compute, {}).result == "no state"


@pytest.mark.parametrize(
    ("attempt", "state", "reason", "retry_in"),
    [(1, "retry", None, timedelta(seconds=7)), (2, "archived", "retries_exhausted", None)],
)
def test_failure_is_retried_while_retries_are_left(
    attempt: int, state: str, reason: str | None, retry_in: timedelta | None
) -> None:
    outcome = run(fail, {}, attempt=attempt)
    assert (outcome.state, outcome.reason, outcome.retry_in) == (state, reason, retry_in)
    assert outcome.error == "ValueError: never works"
    assert isinstance(outcome.exception, ValueError)


def test_retry_has_the_delay_that_the_handler_gives() -> None:
    assert run(pay, Order(7, until_attempt=2)).retry_in == timedelta(seconds=3)
    assert run(pay, Order(7, until_attempt=2), attempt=2).state == "completed"


def test_task_is_archived_when_the_handler_says_so() -> None:
    outcome = run(pay, Order(-1))
    assert (outcome.state, outcome.error, outcome.reason) == ("archived", "DoNotRetry: no such order", "do_not_retry")


def test_async_handler_is_stopped_at_its_timeout() -> None:
    outcome = run(sleep, {})
    assert (outcome.error, outcome.reason) == ("the attempt took longer than its timeout", "retries_exhausted")


def test_timeout_error_of_the_handler_is_an_error_like_any_other() -> None:
    assert run(raise_timeout, {}).error == "TimeoutError: of another library"


def test_task_is_archived_when_its_result_has_no_json_form() -> None:
    outcome = run(return_unfit, {})
    assert outcome.error.startswith("DoNotRetry: the task ran, but its result cannot be written as JSON")


def test_context_has_the_task() -> None:
    outcome = run(set_result, {}, task_id="first", metadata={"user": "ada"}, attempt=3)
    assert outcome.result == {"task": "first", "metadata": {"user": "ada"}, "fence": 3}


async def test_run_works_while_an_event_loop_runs() -> None:
    assert run(pay, Order(7)).result == Receipt(7)
    assert (await run_async(pay, Order(7))).result == Receipt(7)


async def test_interrupt_ends_the_run() -> None:
    from taskyard import Taskyard  # noqa: PLC0415

    app = Taskyard()

    @app.task("interrupt")
    def interrupt(_: dict[str, object]) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await run_async(interrupt, {})
