from __future__ import annotations

import pytest

from taskyard import (
    DuplicateTask,
    NotAvailable,
    PayloadRefused,
    QueueFull,
    Refused,
    ServerTooOld,
    Unauthorized,
    UnknownTask,
    UnknownTaskType,
    WrongState,
)
from taskyard.client.core.call import Answer, Call
from taskyard.client.core.refusal import refusal
from tests.unit.taskyard.client.script import URL, answer, error

CALL = Call(method="POST", path="/", operation="enqueue mail", repeatable=True)


@pytest.mark.parametrize(
    ("got", "kind", "remedy"),
    [
        (error(400, "INVALID_TASK_TYPE"), UnknownTaskType, "TASKYARD_WORKER_APPS"),
        (error(400, "INVALID_PAYLOAD"), PayloadRefused, "another release"),
        (error(413, "PAYLOAD_TOO_LARGE"), PayloadRefused, ""),
        (error(409, "DUPLICATE_TASK", task_id="a"), DuplicateTask, ""),
        (error(429, "QUEUE_FULL"), QueueFull, "limits"),
        (error(404, "TASK_NOT_FOUND"), UnknownTask, ""),
        (error(409, "TASK_ACTIVE"), WrongState, ""),
        (error(409, "TASK_NOT_CANCELLABLE"), WrongState, ""),
        (error(503, "STORE_UNAVAILABLE"), NotAvailable, "/ready"),
        (error(401, "UNAUTHORIZED"), Unauthorized, "TASKYARD_TOKEN"),
        (answer(403, b"forbidden"), Unauthorized, "TASKYARD_TOKEN"),
        (error(404, "NOT_FOUND"), ServerTooOld, "upgrade the API"),
        (error(405, "METHOD_NOT_ALLOWED"), ServerTooOld, "upgrade the API"),
        (error(400, "INVALID_REQUEST", field="fresh", expected="a known field"), ServerTooOld, "upgrade the API"),
        (error(400, "INVALID_REQUEST", field="unique", expected="a string"), Refused, ""),
        (answer(404, b"<html>nginx</html>"), Refused, "TASKYARD_URL.*address"),
        (answer(200, b"[1"), Refused, "TASKYARD_URL.*address"),
    ],
)
def test_error_names_the_operation_the_server_and_the_remedy(got: Answer, kind: type[Refused], remedy: str) -> None:
    refused = refusal(URL, CALL, got)
    assert type(refused) is kind
    with pytest.raises(kind, match=f"(?s)^enqueue mail: .*{URL}.*{remedy}"):
        raise refused
    assert refused.status == got.status


def test_duplicate_names_the_task_that_exists() -> None:
    refused = refusal(URL, CALL, error(409, "DUPLICATE_TASK", task_id="first"))
    assert isinstance(refused, DuplicateTask)
    assert refused.task_id == "first"


@pytest.mark.parametrize(("header", "seconds"), [("5", 5.0), ("Wed, 21 Oct 2015 07:28:00 GMT", None), ("-1", None)])
def test_retry_after_is_read_when_it_is_a_number(header: str, seconds: float | None) -> None:
    assert refusal(URL, CALL, error(429, "QUEUE_FULL", headers={"retry-after": header})).retry_after_s == seconds
