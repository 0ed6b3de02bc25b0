"""What `taskyard.testing.run` does to a payload and a result is what a real worker does."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from taskyard import Client, PayloadRefused, Task, TaskFailed
from taskyard.request import Request
from taskyard.testing import TestServer, run
from tests.integration.taskyard.tasks import (
    fail,
    read_state,
    read_state_in_process,
    return_nothing,
    return_too_much,
    return_unfit,
    take_any,
    take_data,
    take_dict,
    take_model,
    take_struct,
    take_too_long,
)

CASES: list[tuple[Task[..., Any, Any, Any], bytes]] = [
    (take_struct, b'{"number":7,"at":"2024-01-01T00:00:00Z","price":"2.10"}'),
    (take_struct, b'{"number":7,"unknown":1}'),
    (take_data, b'{"number":7}'),
    (take_dict, b'{"number":7}'),
    (take_model, b'{"number":7,"tags":["a"]}'),
    (take_model, b'{"number":0}'),
    (take_any, b'{"deep":[{"caf\xc3\xa9":1.5},null,true,12345678901234567890]}'),
    (return_nothing, b"{}"),
    (read_state, b"{}"),
    (read_state_in_process, b"{}"),
    (fail, b'{"kind":"retry"}'),
    (fail, b'{"kind":"key"}'),
    (fail, b'{"kind":"os"}'),
    (fail, b'{"kind":"none"}'),
    (take_too_long, b"{}"),
    (return_unfit, b"{}"),
    (return_too_much, b"{}"),
]
REFUSED_BY_THE_API = [(take_struct, b'{"number":"seven"}'), (take_data, b"{}"), (take_model, b'{"tags":["a"]}')]


def post(client: Client, task: Task[..., Any, Any, Any], payload: bytes) -> Any:
    """Enqueue a payload as another service would, unchecked."""
    return client.enqueue(Request(task.type, payload, task.options, task.handler.result.decode))


@pytest.mark.parametrize(("task", "payload"), CASES, ids=lambda each: getattr(each, "type", None) or each.decode())
def test_run_ends_as_a_real_worker_does(client: Client, task: Task[..., Any, Any, Any], payload: bytes) -> None:
    outcome = run(task, msgspec.json.decode(payload))
    handle = post(client, task, payload)
    ended = handle.wait(timeout="20s")
    assert (ended.state, ended.last_error, ended.reason) == (outcome.state, outcome.error, outcome.reason)
    if outcome.state == "completed":
        assert handle.result() == outcome.result
    else:
        with pytest.raises(TaskFailed):
            handle.result()


@pytest.mark.parametrize(("task", "payload"), REFUSED_BY_THE_API)
def test_payload_that_run_refuses_does_not_pass_the_api(
    client: Client, task: Task[..., Any, Any, Any], payload: bytes
) -> None:
    assert run(task, msgspec.json.decode(payload)).reason == "do_not_retry"
    with pytest.raises(PayloadRefused, match="number"):
        post(client, task, payload)


def test_start_line_of_the_worker_names_handlers_and_queues(server: TestServer) -> None:
    assert '"handlers":{"any":"tests.integration.taskyard.tasks.take_any","count":' in server.log
    assert '"queues":["library","counted","default"]' in server.log
