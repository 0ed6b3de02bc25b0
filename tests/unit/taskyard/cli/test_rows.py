from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from taskyard.cli.api import TypeInfo, WorkerInfo
from taskyard.cli.rows import payload_fields, printable, queue_rows, task_fields, task_rows, type_rows, worker_rows
from taskyard.views import QueueStats, TaskInfo

AT = datetime(2026, 1, 2, 3, 4, 5, 600_000, tzinfo=UTC)


def _task(**fields: Any) -> TaskInfo:
    defaults: dict[str, Any] = {"id": "a", "queue": "mail", "type": "send", "state": "active", "max_retries": 3}
    return TaskInfo(**{**defaults, "retried": 1, **fields})


def test_printable_shows_control_characters_when_a_text_has_some() -> None:
    assert printable("red \x1b[31m\r\x07é\n\t") == "red \\x1b[31m\\r\\x07é\n\t"


def test_task_fields_leave_out_what_is_not_set() -> None:
    fields = dict(task_fields(_task(payload={"to": "ada"}, cancel_requested=True, next_process_at=AT)))
    assert fields == {
        "id": "a",
        "type": "send",
        "queue": "mail",
        "state": "active (cancel requested)",
        "payload": '{"to":"ada"}',
        "retries": "1 of 3",
        "due": "2026-01-02T03:04:05Z",
    }


def test_task_rows_shorten_an_error_to_one_line() -> None:
    (row,) = task_rows([_task(last_error=f"first\nsecond {'x' * 80}", ended_at=AT)]).rows
    assert row[:6] == ("a", "send", "mail", "active", "1", "2026-01-02T03:04:05Z")
    assert row[6].startswith("first second xx")
    assert len(row[6]) == 60


def test_queue_rows_are_sorted() -> None:
    rows = queue_rows({"mail": QueueStats(queue="mail", retry=2), "default": QueueStats(queue="default", pending=1)})
    assert rows.rows == [("default", "1", "0", "0", "0", "0", "0"), ("mail", "0", "0", "0", "2", "0", "0")]


def test_worker_rows_name_the_pod_when_there_is_one() -> None:
    workers = [WorkerInfo(worker="w1", pod="pod-1", queues=("a", "b"), slots=4, busy=1), WorkerInfo(worker="w2")]
    rows = worker_rows([*workers, WorkerInfo(worker="w3", draining=True)]).rows
    assert [row[0] for row in rows] == ["pod-1", "w2", "w3"]
    assert rows[0][1:5] == ("a b", "", "1/4", "running")
    assert rows[2][4] == "draining"


def test_type_rows_count_the_workers_of_a_type() -> None:
    workers = [WorkerInfo(worker="1", types=("send",)), WorkerInfo(worker="2", types=("send", "sum"))]
    assert type_rows([TypeInfo(type="send"), TypeInfo(type="gone")], workers).rows == [
        ("send", "any object", "2"),
        ("gone", "any object", "0"),
    ]


@pytest.mark.parametrize(
    ("schema", "shown"),
    [
        (None, "any object"),
        ({"type": "object"}, "any object"),
        ({"properties": {"to": {}, "cc": {}}, "required": ["to"]}, "to [cc]"),
        ({"$ref": "#/$defs/Mail", "$defs": {"Mail": {"properties": {"to": {}}}}}, "[to]"),
    ],
)
def test_payload_fields_follow_the_schema(schema: object, shown: str) -> None:
    assert payload_fields(schema) == shown
