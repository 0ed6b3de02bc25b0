"""Request parsing: from a body to a struct.

Each task is parsed twice. jiter rejects JSON that parsers disagree on: duplicate keys, lone surrogates, deep nesting.
msgspec then validates the structure and decodes the struct; it rejects numbers outside the range of a double. A large
batch is first split into the bytes of its tasks, which builds none of their values.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TypeVar

import jiter
import msgspec

from queueapi.errors import ApiError, cut, invalid, invalid_request
from queueapi.schemas.requests import MAX_BATCH, BatchTask, CreateBatch, CreateTask, SetLimits, SetQueueSettings

R = TypeVar("R")

_ABSENT = msgspec.Raw()
# One field per task, and one too many. A list would be built to its end before its length is checked: 16 MiB of `0,`
# would become 600 MB of objects.
_RawTasks = msgspec.defstruct(
    "_RawTasks", [(f"task_{place}", msgspec.Raw, _ABSENT) for place in range(MAX_BATCH + 1)], array_like=True
)
_BatchOutline = msgspec.defstruct("_BatchOutline", [("tasks", _RawTasks)], forbid_unknown_fields=True)
"""A batch whose tasks are not decoded; its fields are those of :class:`queueapi.schemas.requests.CreateBatch`."""

_task_decoder = msgspec.json.Decoder(CreateTask)
_batch_decoder = msgspec.json.Decoder(CreateBatch)
_outline_decoder = msgspec.json.Decoder(_BatchOutline)
_batch_task_decoder = msgspec.json.Decoder(BatchTask)
_limits_decoder = msgspec.json.Decoder(SetLimits)
_settings_decoder = msgspec.json.Decoder(SetQueueSettings)

_PROBLEM_LENGTH = 200
"""Maximum length of a decoder's message, which may repeat a key."""

_SHOWN_BYTES = 64 * 1024
"""Errors show the invalid value of bodies up to this size; larger ones would be decoded once more."""

_FIELD_PROBLEM = re.compile(
    r"Object (?P<problem>missing required|contains unknown) field `(?P<field>.*?)`(?: - at `\$\.?(?P<path>.*?)`)?",
    re.DOTALL,
)
_VALUE_PROBLEM = re.compile(r"(?P<problem>.+?)(?: - at `\$\.?(?P<path>.*?)`)?", re.DOTALL)
_EXPECTED = re.compile(r"Expected (?P<expected>.+?)(?:, got (?P<got>.+))?", re.DOTALL)
_TASKS_KEY = b'"tasks"'
_ESCAPE = rb"\u"
_BATCH_START = re.compile(rb'\s*\{\s*"(?:[^"\\]|\\.)*"\s*:\s*\[\s*')
_BATCH_SEPARATOR = re.compile(rb"\s*,\s*")
_BATCH_END = re.compile(rb"\s*\]\s*\}\s*\Z")
_KIND = re.compile(r"`(?P<name>\w+)(?: \| null)?`")
_KINDS = {
    "str": "a string",
    "int": "an integer",
    "float": "a number",
    "bool": "true or false",
    "object": "an object",
    "array": "an array",
    "null": "null",
}
"""JSON's name for each of the decoder's kinds of values."""


def parse_task(body: bytes) -> CreateTask:
    """Parse the body of a request for one task, which :func:`check_json` has checked.

    Raises:
        ApiError: the body does not match the schema.
    """
    return _decode(_task_decoder, body)


def parse_batch(body: bytes) -> list[msgspec.Raw]:
    """Parse the body of a batch; each task is left to :func:`parse_batch_task`.

    Raises:
        ApiError: the body is not valid JSON or does not match the schema.
    """
    check_json(body)
    return _decode(_batch_decoder, body).tasks


def split_batch(body: bytes) -> Sequence[msgspec.Raw]:
    """Split the body of a large batch into its tasks, for :func:`check_batch_tasks` and :func:`parse_batch_task`.

    Raises:
        ApiError: the body is not valid JSON outside of its tasks or does not match the schema.
    """
    (outline,) = msgspec.structs.astuple(_decode(_outline_decoder, body))
    tasks: tuple[msgspec.Raw, ...] = msgspec.structs.astuple(outline)
    if tasks[0] == _ABSENT or tasks[-1] != _ABSENT:
        got = "none" if tasks[0] == _ABSENT else "more"
        expected = f"an array of 1 to {MAX_BATCH} tasks"
        raise invalid_request(f"tasks: expected {expected}, got {got}", field="tasks", got=got, expected=expected)
    tasks = tasks[: tasks.index(_ABSENT)]
    _check_outline(body, tasks)
    return tasks


def parse_batch_task(item: bytes | msgspec.Raw) -> BatchTask:
    """Parse one task of a batch.

    Raises:
        ApiError: the task does not match the schema.
    """
    return _decode(_batch_task_decoder, item)


def parse_limits(body: bytes) -> SetLimits:
    """Parse the body of a request that sets a queue's limits.

    Raises:
        ApiError: the body is not valid JSON or does not match the schema.
    """
    check_json(body)
    return _decode(_limits_decoder, body)


def parse_queue_settings(body: bytes) -> SetQueueSettings:
    """Parse the body of a request that sets a queue's settings; errors as for :func:`parse_limits`."""
    check_json(body)
    return _decode(_settings_decoder, body)


def check_json(body: bytes) -> None:
    """Check that the body is exactly one unambiguous JSON value.

    Raises:
        ApiError: the body is not; the message names the problem and its position.
    """
    try:
        jiter.from_json(body, allow_inf_nan=False, catch_duplicate_keys=True)
    except ValueError as error:
        raise invalid_request(
            f"the body is not valid JSON: {cut(str(error), _PROBLEM_LENGTH)}", expected="a JSON object"
        ) from error


def check_batch_tasks(tasks: Iterable[bytes]) -> None:
    """Check tasks of :func:`split_batch` as :func:`check_json` does, many small ones in one call."""
    check_json(b"[%b]" % b",".join(tasks))


def _check_outline(body: bytes, tasks: Sequence[msgspec.Raw]) -> None:
    """Refuse a batch with a second key `tasks`: parsers disagree on which one counts."""
    if body.count(_TASKS_KEY) == 1 and _ESCAPE not in body:
        return
    found = _BATCH_START.match(body)
    for number, task in enumerate(tasks):
        if found is not None:
            text = bytes(task)
            end = found.end() + len(text)
            separator = _BATCH_END if number == len(tasks) - 1 else _BATCH_SEPARATOR
            found = separator.match(body, end) if body.startswith(text, found.end()) else None
    if found is None:
        raise invalid_request("the body is not valid JSON: Detected duplicate key tasks", expected="a JSON object")


def _decode(decoder: msgspec.json.Decoder[R], data: bytes | msgspec.Raw) -> R:
    try:
        return decoder.decode(data)
    except msgspec.ValidationError as error:
        raise _refusal(str(error), data) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise invalid_request(
            f"the body is not valid JSON: {cut(str(error), _PROBLEM_LENGTH)}", expected="a JSON object"
        ) from error


def _refusal(message: str, data: bytes | msgspec.Raw) -> ApiError:
    """The API error for a validation error of the decoder."""
    if found := _FIELD_PROBLEM.fullmatch(message):
        name = cut(found["field"])
        field = ".".join(filter(None, (found["path"], name)))
        if found["problem"] == "missing required":
            return invalid_request(f"{field}: this field is required", field=field, expected="a value")
        return invalid_request(f"{field}: there is no such field", field=field, expected="a known field")
    problem, path = _VALUE_PROBLEM.fullmatch(message).group("problem", "path")  # type: ignore[union-attr]  # matches all
    if "out of range" in problem:
        return _out_of_range(path or "body")
    expected = _EXPECTED.fullmatch(problem)
    if expected is None:
        return _wrong_value(path, "one of the values that GET /schema lists", None, data)
    return _wrong_value(path, _in_json_words(expected["expected"]), expected["got"], data)


def _out_of_range(path: str) -> ApiError:
    in_payload = path == "payload" or path.startswith(("payload.", "payload["))
    expected = "numbers that a 64-bit float can hold"
    return ApiError(
        400,
        "INVALID_PAYLOAD" if in_payload else "INVALID_REQUEST",
        f"{path}: a number is out of range",
        {"field": path, "expected": expected},
    )


def _wrong_value(path: str | None, expected: str, got_kind: str | None, data: bytes | msgspec.Raw) -> ApiError:
    value = msgspec.UNSET if path is None or len(bytes(data)) > _SHOWN_BYTES else _find(data, path.split("."))
    if value is not msgspec.UNSET:
        return invalid("INVALID_REQUEST", path or "body", value, expected)
    got = _in_json_words(got_kind or "`another value`")
    return ApiError(
        400,
        "INVALID_REQUEST",
        f"{path or 'body'}: expected {expected}, got {got}",
        {"field": path or "body", "got": got, "expected": expected},
    )


def _find(data: bytes | msgspec.Raw, path: Sequence[str]) -> object:
    """The value at a path of the body; unset when the decoder's path is not exact."""
    try:
        value = msgspec.json.decode(data)
        for name in path:
            value = value[name]
    except (msgspec.MsgspecError, KeyError, TypeError):
        return msgspec.UNSET
    return value


def _in_json_words(text: str) -> str:
    return _KIND.sub(lambda found: _KINDS.get(found["name"], found["name"]), text).replace("`", "")
