from __future__ import annotations

from typing import Any

import msgspec
import pytest

from taskyard import DuplicateTask, NotConnected, PayloadRefused, QueueFull, Refused, Taskyard
from taskyard.client.core.answers import Created
from taskyard.client.core.batches import CHUNK_BYTES, CHUNK_TASKS, Entry, chunks, enqueue_chunk, prepare
from tests.unit.taskyard.client.script import CUT, Script, answer, error

app = Taskyard()


@app.task("mail")
def handle(payload: dict[str, Any]) -> None: ...


def created(*task_ids: str) -> dict[str, Any]:
    return {"results": [item(task_id) for task_id in task_ids]}


def item(task_id: str) -> dict[str, Any]:
    return {"status_code": 201, "task_id": task_id, "queue": "default", "status": "pending"}


def refused(status: int, code: str, **details: Any) -> dict[str, Any]:
    return {"status_code": status, "error": "no", "code": code, "details": details}


def entries(script: Script, count: int) -> list[Entry]:
    return [prepare(handle.request({"number": number}), script.env) for number in range(count)]


def sent(script: Script) -> list[list[dict[str, Any]]]:
    """The tasks of each call."""
    return [msgspec.json.decode(call.body or b"")["tasks"] for call in script.calls]


def ids(fates: list[Created | Refused]) -> list[str]:
    return [fate.task_id for fate in fates if isinstance(fate, Created)]


def test_requests_are_split_by_number_while_they_are_read() -> None:
    read = 0

    def requests() -> Any:
        nonlocal read
        for _ in range(2 * CHUNK_TASKS + 1):
            read += 1
            yield handle.request({})

    found = chunks(requests(), Script([answer()]).env)
    assert len(next(found)) == CHUNK_TASKS
    assert read == CHUNK_TASKS + 1
    assert [len(chunk) for chunk in found] == [CHUNK_TASKS, 1]


def test_requests_are_split_by_size() -> None:
    request = handle.request({"text": "x" * (CHUNK_BYTES // 3)})
    sizes = [len(chunk) for chunk in chunks([request] * 5, Script([answer()]).env)]
    assert sizes == [2, 2, 1]
    larger = handle.request({"text": "x" * CHUNK_BYTES})
    assert [len(chunk) for chunk in chunks([larger, larger], Script([answer()]).env)] == [1, 1]


def test_no_chunk_is_made_of_no_requests() -> None:
    assert list(chunks([], Script([answer()]).env)) == []


def test_each_task_has_an_idempotency_key_that_repeats_keep() -> None:
    script = Script([CUT, answer(200, created("a", "b"))])
    assert ids(script.perform(enqueue_chunk(entries(script, 2), {}, script.env))) == ["a", "b"]
    first, second = sent(script)
    assert first == second
    assert len({task["idempotency_key"] for task in first}) == 2


def test_only_tasks_that_may_succeed_later_are_sent_again() -> None:
    first = {
        "results": [item("a"), refused(429, "QUEUE_FULL", retry_after_s=3), refused(409, "DUPLICATE_TASK", task_id="x")]
    }
    script = Script([answer(200, first), answer(200, created("b"))])
    fates = script.perform(enqueue_chunk(entries(script, 3), {}, script.env))
    assert [type(fate) for fate in fates] == [Created, Created, DuplicateTask]
    assert ids(fates) == ["a", "b"]
    first_call, second_call = sent(script)
    assert second_call == [first_call[1]]
    assert script.pauses == [3.0]


def test_refusals_are_returned_when_the_time_limit_has_passed() -> None:
    script = Script([answer(200, {"results": [refused(429, "QUEUE_FULL", retry_after_s=20)]})])
    (fate,) = script.perform(enqueue_chunk(entries(script, 1), {}, script.env))
    assert isinstance(fate, QueueFull)
    assert len(script.calls) == 2


def test_chunk_is_halved_when_it_is_larger_than_the_api_accepts() -> None:
    large = error(413, "PAYLOAD_TOO_LARGE")
    script = Script([large, answer(200, created("a", "b")), large, answer(200, created("c")), large])
    fates = script.perform(enqueue_chunk(entries(script, 4), {}, script.env))
    assert ids(fates) == ["a", "b", "c"]
    assert isinstance(fates[3], PayloadRefused)
    assert [len(tasks) for tasks in sent(script)] == [4, 2, 2, 1, 1]


def test_batch_fails_as_a_whole_when_the_api_does_not_answer() -> None:
    script = Script([CUT])
    with pytest.raises(NotConnected, match="enqueue 2 tasks"):
        script.perform(enqueue_chunk(entries(script, 2), {}, script.env))


def test_batch_is_refused_when_the_number_of_results_differs() -> None:
    script = Script([answer(200, created("a"))])
    with pytest.raises(Refused, match="1 results"):
        script.perform(enqueue_chunk(entries(script, 2), {}, script.env))
