"""Request parsing: from a body to a struct.

Each body is parsed twice. jiter rejects JSON that parsers disagree on: duplicate keys, lone surrogates, deep nesting.
msgspec then validates the structure and decodes the struct; it rejects numbers outside the range of a double.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TypeVar

import jiter
import msgspec

from queueapi.errors import ApiError, cut, invalid, invalid_request
from queueapi.schemas.requests import BatchTask, CreateBatch, CreateTask, SetLimits

R = TypeVar("R")

_task_decoder = msgspec.json.Decoder(CreateTask)
_batch_decoder = msgspec.json.Decoder(CreateBatch)
_batch_task_decoder = msgspec.json.Decoder(BatchTask)
_limits_decoder = msgspec.json.Decoder(SetLimits)

_PROBLEM_LENGTH = 200
"""Maximum length of a decoder's message, which may repeat a key."""

_FIELD_PROBLEM = re.compile(
    r"Object (?P<problem>missing required|contains unknown) field `(?P<field>.*?)`(?: - at `\$\.?(?P<path>.*?)`)?",
    re.DOTALL,
)
_VALUE_PROBLEM = re.compile(r"(?P<problem>.+?)(?: - at `\$\.?(?P<path>.*?)`)?", re.DOTALL)
_EXPECTED = re.compile(r"Expected (?P<expected>.+?)(?:, got (?P<got>.+))?", re.DOTALL)
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
    """Parse the body of a request for one task.

    Raises:
        ApiError: the body is not valid JSON or does not match the schema.
    """
    check_json(body)
    return _decode(_task_decoder, body)


def parse_batch(body: bytes) -> list[msgspec.Raw]:
    """Parse the body of a batch; each task is left to :func:`parse_batch_task`.

    Raises:
        ApiError: the body is not valid JSON or does not match the schema.
    """
    check_json(body)
    return _decode(_batch_decoder, body).tasks


def parse_batch_task(item: msgspec.Raw) -> BatchTask:
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
    value = msgspec.UNSET if path is None else _find(data, path.split("."))
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
