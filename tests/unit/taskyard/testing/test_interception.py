from __future__ import annotations

from datetime import timedelta

import pytest

from taskyard import DuplicateTask, ResultTimeout, TaskFailed, UnknownTask, WrongState
from taskyard.testing import inline, recording, run
from tests.unit.taskyard.testing.shop import Order, Receipt, app, fail, pay, set_result, ship, sleep


async def test_recording_covers_all_ways_to_enqueue() -> None:
    with recording(app) as tasks:
        pay.enqueue_sync(Order(1))
        await pay.enqueue(Order(2))
        app.client.enqueue(pay.request(Order(3)))
        app.client.enqueue_many(pay.request(Order(number)) for number in (4, 5)).send_all()
        await app.async_client.enqueue(pay.request(Order(6)))
        await app.async_client.enqueue_many([pay.request(Order(7))]).send_all()
    assert [task.payload["number"] for task in tasks] == [1, 2, 3, 4, 5, 6, 7]
    assert tasks.of(pay) == tasks[:]
    assert tasks.of(ship) == []


def test_assertion_holds_however_an_option_is_written() -> None:
    with recording(app) as tasks:
        pay.enqueue_sync(Order(1), delay="5m", metadata={"a": "b"})
    tasks.assert_enqueued(pay)
    tasks.assert_enqueued(pay, Order(1), delay=timedelta(minutes=5), queue="default", times=1)
    tasks.assert_enqueued(pay, {"number": 1, "until_attempt": 1}, delay="300s", max_retries=2)
    tasks.assert_not_enqueued(pay, Order(2))
    tasks.assert_not_enqueued(ship)


@pytest.mark.parametrize(
    ("payload", "options", "times"),
    [(Order(2), {}, None), (Order(1), {"delay": "6m"}, None), (Order(1), {"queue": "other"}, None), (Order(1), {}, 2)],
)
def test_assertion_fails_and_lists_what_was_enqueued(
    payload: Order, options: dict[str, str], times: int | None
) -> None:
    with recording(app) as tasks:
        pay.enqueue_sync(Order(1), delay="5m")
    with pytest.raises(
        AssertionError, match=r'(?s)was not enqueued.*\n  pay\(\{"number":1,"until_attempt":1\}, .*5m0s'
    ):
        tasks.assert_enqueued(pay, payload, times=times, **options)  # type: ignore[arg-type]


def test_assertion_of_nothing_lists_what_was_enqueued() -> None:
    with recording(app) as tasks:
        tasks.assert_nothing_enqueued()
        with pytest.raises(AssertionError, match="Nothing was enqueued"):
            tasks.assert_enqueued(pay)
        pay.enqueue_sync(Order(1))
    with pytest.raises(AssertionError, match="pay"):
        tasks.assert_nothing_enqueued()


def test_recorded_task_can_be_read_cancelled_and_deleted() -> None:
    with recording(app):
        handle = pay.enqueue_sync(Order(1), delay="5m")
        client = app.client
        assert (handle.get().state, client.stats()["default"].scheduled) == ("scheduled", 1)
        assert [task.id for task in client.list()] == [handle.id]
        client.run(handle.id)
        assert handle.get().state == "pending"
        assert handle.cancel()
        with pytest.raises(WrongState):
            handle.cancel()
        with pytest.raises(TaskFailed, match="cancelled"):
            handle.result()
        client.delete(handle.id)
        with pytest.raises(UnknownTask):
            handle.get()


def test_result_of_a_recorded_task_says_that_it_does_not_run() -> None:
    with recording(app), pytest.raises(ResultTimeout, match="inline"):
        pay.enqueue_sync(Order(1)).result()


def test_equal_task_is_refused_while_the_first_waits() -> None:
    with recording(app) as tasks:
        first = ship.enqueue_sync({"order": 1})
        ship.enqueue_sync({"order": 2})
        with pytest.raises(DuplicateTask) as refused:
            ship.enqueue_sync({"order": 1})
        assert refused.value.task_id == first.id
        first.cancel()
        ship.enqueue_sync({"order": 1})
        pay.enqueue_sync(Order(1), task_id="chosen")
        with pytest.raises(DuplicateTask):
            pay.enqueue_sync(Order(2), task_id="chosen")
    assert len(tasks) == 4


def test_recording_ends_with_its_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TASKYARD_URL", raising=False)
    with recording(app) as outer:
        with recording(app) as inner:
            pay.enqueue_sync(Order(1))
        pay.enqueue_sync(Order(2))
    assert ([task.payload["number"] for task in inner], [task.payload["number"] for task in outer]) == ([1], [2])
    with pytest.raises(Exception, match="TASKYARD_URL"):
        pay.enqueue_sync(Order(3))


def test_run_records_into_the_recording_that_is_active() -> None:
    with recording(app) as tasks:
        outcome = run(pay, Order(1))
    assert outcome.enqueued == list(tasks) != []


def test_inline_runs_a_task_and_what_it_enqueues() -> None:
    with inline(app) as tasks:
        handle = pay.enqueue_sync(Order(7, until_attempt=3))
        assert handle.result() == Receipt(7)
        assert handle.get().attempt == 3
    (shipping,) = tasks.of(ship)
    assert shipping.payload == {"order": 7}


async def test_inline_runs_in_the_running_event_loop() -> None:
    with inline(app):
        assert await (await pay.enqueue(Order(7))).result() == Receipt(7)
        assert pay.enqueue_sync(Order(8)).result() == Receipt(8)
        handles = [handle async for handle in app.async_client.enqueue_many([pay.request(Order(9))])]
        assert await handles[0].result() == Receipt(9)


def test_inline_task_that_fails_raises_its_error() -> None:
    with inline(app):
        handle = fail.enqueue_sync({})
        with pytest.raises(TaskFailed, match="ValueError: never works") as failed:
            handle.result()
        assert (failed.value.task.attempt, failed.value.task.reason) == (2, "retries_exhausted")
        assert handle.wait().state == "archived"
        assert sleep.enqueue_sync({}).get().last_error == "the attempt took longer than its timeout"


def test_inline_task_has_its_own_id_and_metadata() -> None:
    with inline(app):
        handle = set_result.enqueue_sync({}, task_id="first", metadata={"user": "ada"})
        assert handle.result() == {"task": "first", "metadata": {"user": "ada"}, "fence": 1}
