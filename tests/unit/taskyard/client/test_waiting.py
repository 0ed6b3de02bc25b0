from __future__ import annotations

from itertools import pairwise
from typing import Any

import msgspec
import pytest

from taskyard import NotConnected, ResultError, ResultNotKept, ResultTimeout, TaskFailed, Taskyard
from taskyard.client.core.call import Answer
from taskyard.client.core.waiting import LONGEST_PAUSE_S, wait, wait_for_result
from tests.unit.taskyard.client.script import CUT, Script, answer, error


class Sent(msgspec.Struct):
    number: int


app = Taskyard()


@app.task("mail")
def handle(_: dict[str, Any]) -> Sent:
    return Sent(1)


REQUEST = handle.request({})


def task(state: str, **fields: Any) -> Answer:
    base = {"id": "a", "queue": "default", "type": "mail", "state": state, "max_retry": 3, "retried": 0}
    return answer(200, {**base, "added_by_a_newer_release": 1, **fields})


def test_result_has_the_type_that_the_handler_returns() -> None:
    script = Script([task("pending"), task("active"), task("completed", result={"number": 7})])
    assert script.perform(wait_for_result(REQUEST, "a", "default", None, script.env)) == Sent(7)
    assert len(script.calls) == 3


def test_pauses_between_reads_grow_to_a_limit() -> None:
    script = Script([*[task("pending")] * 30, task("completed", result={"number": 7})])
    script.perform(wait("a", None, None, script.env))
    assert all(earlier <= later <= LONGEST_PAUSE_S for earlier, later in pairwise(script.pauses))
    assert script.pauses[-1] == LONGEST_PAUSE_S


def test_failed_task_raises_with_its_error_and_reason() -> None:
    script = Script([task("archived", last_err="ValueError: no", reason="retries_exhausted")])
    with pytest.raises(TaskFailed, match=r"task a of type mail failed \(retries_exhausted\): ValueError: no") as failed:
        script.perform(wait_for_result(REQUEST, "a", "default", None, script.env))
    assert failed.value.task.last_error == "ValueError: no"


def test_wait_returns_a_failed_task() -> None:
    script = Script([task("archived", last_err="ValueError: no")])
    assert script.perform(wait("a", None, None, script.env)).state == "archived"


def test_wait_ends_at_its_time_limit() -> None:
    script = Script([task("active")])
    with pytest.raises(ResultTimeout, match="task a has not ended within 5s: its state is active"):
        script.perform(wait("a", None, 5.0, script.env))
    assert script.now_s <= 1_005.0


def test_wait_survives_an_outage_that_is_shorter_than_its_time_limit() -> None:
    script = Script([CUT] * 12 + [task("completed", result={"number": 7})])
    assert script.perform(wait_for_result(REQUEST, "a", "default", 600.0, script.env)) == Sent(7)


def test_wait_without_a_time_limit_fails_when_the_api_is_unreachable() -> None:
    script = Script([CUT])
    with pytest.raises(NotConnected):
        script.perform(wait("a", None, None, script.env))


def test_result_is_not_kept_when_the_task_is_gone() -> None:
    script = Script([task("active"), error(404, "TASK_NOT_FOUND")])
    with pytest.raises(ResultNotKept, match="retention"):
        script.perform(wait_for_result(REQUEST, "a", "default", None, script.env))


def test_result_is_refused_when_it_is_of_another_type() -> None:
    script = Script([task("completed", result={"number": "seven"})])
    with pytest.raises(ResultError, match=r"type mail is not what its handler is declared to return.*another release"):
        script.perform(wait_for_result(REQUEST, "a", "default", None, script.env))


def test_result_of_nothing_is_none() -> None:
    other = Taskyard()

    @other.task("mail")
    def do_nothing(payload: dict[str, Any]) -> None: ...

    script = Script([task("completed", result=None)])
    assert script.perform(wait_for_result(do_nothing.request({}), "a", "default", None, script.env)) is None
