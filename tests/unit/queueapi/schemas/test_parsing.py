from __future__ import annotations

import tracemalloc
from collections.abc import Callable

import msgspec
import pytest

from queueapi.errors import ApiError
from queueapi.schemas.parsing import check_json, parse_batch, parse_batch_task, parse_task, split_batch

DEMO_TASK = {"type": "demo", "payload": {"message": "hi", "count": 1}}


def encode(**changes: object) -> bytes:
    return msgspec.json.encode({**DEMO_TASK, **changes})


def refusal(body: bytes) -> ApiError:
    with pytest.raises(ApiError) as caught:
        check_and_parse(body)
    return caught.value


def check_and_parse(body: bytes) -> None:
    check_json(body)
    parse_task(body)


def test_parse_task_reads_all_fields_of_the_contract() -> None:
    request = parse_task(
        encode(
            queue="mail",
            max_retries=3,
            timeout="30s",
            process_at="2024-01-15T10:00:00Z",
            unique="1h",
            metadata={"user_id": "123"},
        )
    )

    assert (request.type, request.queue, request.max_retries, request.timeout) == ("demo", "mail", 3, "30s")
    assert (request.process_at, request.unique, request.metadata) == ("2024-01-15T10:00:00Z", "1h", {"user_id": "123"})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not json",
        b'{"type":"demo","payload":{}} trailing',
        b"\xef\xbb\xbf{}",
        b'{"type":"demo","payload":{"a":NaN}}',
        b'{"type":"demo","payload":{"a":-Infinity}}',
        b'{"type":"demo","payload":{"a":1,"a":2}}',
        b'{"type":"demo","type":"demo","payload":{}}',
        b'{"type":"demo","payload":{"a":"\xff"}}',
        b'{"type":"demo","payload":{"a":"\\ud800"}}',
        b'{"type":"demo","payload":' + b'{"a":' * 250 + b"1" + b"}" * 251,
        b'{"type":"demo","payload":{"a":' + b"9" * 5_000 + b"}}",
    ],
    ids=[
        "empty",
        "no-json",
        "trailing",
        "byte-order-mark",
        "nan",
        "infinity",
        "duplicate-key-in-payload",
        "duplicate-key",
        "invalid-utf-8",
        "lone-surrogate",
        "deep-nesting",
        "huge-integer",
    ],
)
def test_parse_task_refuses_as_invalid_request_when_the_body_is_not_clean_json(body: bytes) -> None:
    error = refusal(body)

    assert (error.status, error.code) == (400, "INVALID_REQUEST")
    assert "not valid JSON" in str(error)


@pytest.mark.parametrize("number", ["1e400", "-1e400", "1" + "0" * 400 + ".0"])
def test_parse_task_refuses_as_invalid_payload_when_a_number_of_it_is_out_of_range(number: str) -> None:
    error = refusal(f'{{"type":"demo","payload":{{"deep":[{{"a":{number}}}]}}}}'.encode())

    assert (error.status, error.code) == (400, "INVALID_PAYLOAD")
    assert "out of range" in str(error)


@pytest.mark.parametrize("body", [b"[]", b"5", b'"text"', b"null", b"true"])
def test_parse_task_refuses_as_invalid_request_when_the_body_is_not_an_object(body: bytes) -> None:
    error = refusal(body)

    assert (error.code, error.details["field"], error.details["expected"]) == ("INVALID_REQUEST", "body", "an object")


@pytest.mark.parametrize("field", ["type", "payload"])
def test_parse_task_names_the_field_when_it_is_missing(field: str) -> None:
    error = refusal(msgspec.json.encode({name: value for name, value in DEMO_TASK.items() if name != field}))

    assert (error.code, error.details["field"]) == ("INVALID_REQUEST", field)
    assert str(error) == f"{field}: this field is required"


def test_parse_task_names_the_field_when_it_is_unknown() -> None:
    error = refusal(encode(prioriti=1))

    assert (error.code, error.details["field"]) == ("INVALID_REQUEST", "prioriti")


def test_parse_task_shortens_the_name_when_an_unknown_field_has_a_long_one() -> None:
    error = refusal(encode(**{"x" * 10_000: 1}))

    assert len(str(error)) < 200


@pytest.mark.parametrize(
    ("field", "value", "expected"),
    [
        ("type", 5, "a string"),
        ("type", None, "a string"),
        ("queue", 5, "a string"),
        ("queue", None, "a string"),
        ("max_retries", "3", "an integer"),
        ("max_retries", 1.5, "an integer"),
        ("max_retries", True, "an integer"),
        ("max_retries", -1, "an integer >= 0"),
        ("max_retries", 10_001, "an integer <= 10000"),
        ("timeout", 30, "a string"),
        ("process_at", 1_700_000_000, "a string"),
        ("unique", 3600, "a string"),
        ("metadata", ["a"], "an object"),
        ("metadata", {f"k{number}": "v" for number in range(65)}, "an object of length <= 64"),
        ("task_id", 7, "a string"),
        ("priority", 10, "an integer <= 9"),
        ("priority", -1, "an integer >= 0"),
        ("priority", "high", "an integer"),
        ("deadline", 5, "a string"),
        ("retry_policy", "exponential", "an object"),
        ("unique_key", "", "a string of length >= 1"),
        ("retention", 5, "a string"),
    ],
)
def test_parse_task_says_what_a_field_takes_when_its_value_is_of_another_kind(
    field: str, value: object, expected: str
) -> None:
    error = refusal(encode(**{field: value}))

    assert (error.status, error.code) == (400, "INVALID_REQUEST")
    assert (error.details["field"], error.details["expected"]) == (field, expected)
    assert error.details["got"]


def test_parse_task_refuses_metadata_when_a_value_is_not_a_string() -> None:
    error = refusal(encode(metadata={"a": 1}))

    assert str(error) == "metadata[...]: expected a string, got an integer"


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        ({"curve": "cubic"}, "retry_policy.curve"),
        ({"factor": 0.5}, "retry_policy.factor"),
        ({"jitter": 1.5}, "retry_policy.jitter"),
        ({"bas": "1s"}, "retry_policy.bas"),
    ],
)
def test_parse_task_names_the_nested_field_when_the_retry_policy_is_wrong(
    policy: dict[str, object], field: str
) -> None:
    error = refusal(encode(retry_policy=policy))

    assert (error.code, error.details["field"]) == ("INVALID_REQUEST", field)


@pytest.mark.parametrize("parse", [parse_batch, split_batch])
@pytest.mark.parametrize("tasks", [[], [DEMO_TASK] * 1_001, "none", None])
def test_batch_is_refused_as_a_whole_when_it_is_not_a_list_of_1_to_1000(
    parse: Callable[[bytes], object], tasks: object
) -> None:
    with pytest.raises(ApiError) as caught:
        parse(msgspec.json.encode({"tasks": tasks}))

    assert (caught.value.code, caught.value.details["field"]) == ("INVALID_REQUEST", "tasks")


def test_parse_batch_leaves_bad_tasks_to_be_refused_one_by_one() -> None:
    good, bad, number = map(
        bytes, parse_batch(b'{"tasks":[{"type":"demo","payload":{},"idempotency_key":"k"},{"x":1},1e400]}')
    )

    assert parse_batch_task(good).idempotency_key == "k"
    for item in (bad, number):
        with pytest.raises(ApiError):
            parse_batch_task(item)


def test_split_batch_refuses_millions_of_tasks_before_it_has_built_them() -> None:
    body = b'{"tasks":[%b0]}' % (1_000_000 * b"0,")
    tracemalloc.start()
    with pytest.raises(ApiError):
        split_batch(body)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak_bytes < len(body)
