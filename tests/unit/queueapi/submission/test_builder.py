from __future__ import annotations

import msgspec
import pytest

from queueapi.errors import ApiError
from queueapi.schemas.requests import CreateTask
from queueapi.settings import ApiSettings
from queueapi.submission.builder import TaskBuilder
from queuecore.domain.retry import RetryPolicy
from queuecore.domain.task import Task


def request(**changes: object) -> CreateTask:
    return msgspec.convert({"type": "demo", "payload": {"b": 1, "a": 2}, **changes}, CreateTask)


def build(**changes: object) -> Task:
    return TaskBuilder(ApiSettings()).build(request(**changes))


def refusal(**changes: object) -> ApiError:
    with pytest.raises(ApiError) as caught:
        build(**changes)
    return caught.value


def test_build_uses_the_defaults_of_the_settings_when_fields_are_missing() -> None:
    settings = ApiSettings(timeout_ms=1_000, max_retries=2, retention_ms=3_000)

    task = TaskBuilder(settings).build(request())

    assert (task.timeout_ms, task.max_retries, task.retention_ms) == (1_000, 2, 3_000)
    assert (task.queue, task.priority, task.process_at_ms, task.unique) == ("default", 5, None, None)
    assert len(task.id) == 36


def test_build_uses_the_fields_of_the_request() -> None:
    task = build(
        queue="mail",
        max_retries=0,
        timeout="1m30s",
        process_at="2024-01-15T10:00:00Z",
        metadata={"user": "é"},
        task_id="order:7",
        priority=9,
        deadline="9999-12-31T23:59:59Z",
        retry_policy={"curve": "linear", "base": "500ms", "max": "1h"},
        retention="0s",
    )

    assert (task.queue, task.max_retries, task.timeout_ms, task.id) == ("mail", 0, 90_000, "order:7")
    assert (task.process_at_ms, task.deadline_at_ms) == (1_705_312_800_000, 253_402_300_799_000)
    assert (task.priority, task.retention_ms, task.metadata) == (9, 0, {"user": "é"})
    assert task.retry_policy == RetryPolicy("linear", 500, 2.0, 3_600_000, 0.2)


@pytest.mark.parametrize("payload", [[], "text", 5, None, True])
def test_build_refuses_as_invalid_payload_when_it_is_not_an_object(payload: object) -> None:
    assert refusal(payload=payload).code == "INVALID_PAYLOAD"


def test_build_refuses_with_413_when_the_payload_is_over_the_limit() -> None:
    builder = TaskBuilder(ApiSettings(max_payload_bytes=100))
    builder.build(request(payload={"text": "x" * 89}))

    with pytest.raises(ApiError) as caught:
        builder.build(request(payload={"text": "x" * 90}))

    assert (caught.value.status, caught.value.code) == (413, "PAYLOAD_TOO_LARGE")
    assert caught.value.details == {"limit_bytes": 100}


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("type", "", "INVALID_TASK_TYPE"),
        ("type", "a b", "INVALID_TASK_TYPE"),
        ("timeout", "abc", "INVALID_TIMEOUT"),
        ("timeout", "-5s", "INVALID_TIMEOUT"),
        ("timeout", "0s", "INVALID_TIMEOUT"),
        ("timeout", "5 minutes", "INVALID_TIMEOUT"),
        ("timeout", "", "INVALID_TIMEOUT"),
        ("process_at", "tomorrow", "INVALID_PROCESS_AT"),
        ("process_at", "2024-01-15T10:00:00", "INVALID_PROCESS_AT"),
        ("process_at", "2024-02-30T10:00:00Z", "INVALID_PROCESS_AT"),
        ("unique", "1 hour", "INVALID_UNIQUE"),
        ("unique", "0s", "INVALID_UNIQUE"),
        ("unique", "-1h", "INVALID_UNIQUE"),
        ("queue", "", "INVALID_REQUEST"),
        ("queue", "two words", "INVALID_REQUEST"),
        ("queue", "{a}", "INVALID_REQUEST"),
        ("queue", "a\n", "INVALID_REQUEST"),
        ("queue", "q" * 300, "INVALID_REQUEST"),
        ("task_id", "a b", "INVALID_REQUEST"),
        ("deadline", "soon", "INVALID_REQUEST"),
        ("retention", "-1s", "INVALID_REQUEST"),
        ("metadata", {"a": "x" * 16_384}, "INVALID_REQUEST"),
        ("unique_key", "k", "INVALID_REQUEST"),
    ],
)
def test_build_names_the_field_when_its_value_is_refused(field: str, value: object, code: str) -> None:
    error = refusal(**{field: value})

    assert (error.status, error.code, error.details["field"]) == (400, code, field)
    assert error.details["expected"]
    assert len(str(error)) < 400


def test_build_names_the_nested_field_when_a_delay_is_refused() -> None:
    error = refusal(retry_policy={"base": "x"})

    assert (error.code, error.details["field"]) == ("INVALID_REQUEST", "retry_policy.base")


@pytest.mark.parametrize("moment", ["1999-01-01T00:00:00Z", "9999-12-31T23:59:59.999Z"])
def test_build_accepts_any_process_at_when_it_is_well_formed(moment: str) -> None:
    assert build(process_at=moment).process_at_ms is not None


def test_build_gives_equal_payloads_one_lock_when_only_their_order_differs() -> None:
    first, second = build(unique="1h"), build(unique="1h", payload={"a": 2, "b": 1})

    assert first.unique is not None
    assert first.unique.window_ms == 3_600_000
    assert first.unique == second.unique
    assert first.unique != build(unique="1h", payload={"a": 3}).unique


def test_build_locks_by_the_key_when_the_caller_gives_one() -> None:
    first, second = build(unique="1h", unique_key="k"), build(unique="1h", unique_key="k", payload={})

    assert first.unique == second.unique
    assert first.unique != build(unique="1h", unique_key="other").unique


def test_build_never_makes_the_same_task_twice_when_callers_choose_the_same_id() -> None:
    builder = TaskBuilder(ApiSettings())

    arrivals = [builder.build(request(task_id="same")).enqueued_at_ms for _ in range(50)]

    assert len(set(arrivals)) == 50
