"""API errors: status, code, message and details of every error response.

Each kind of error has one constructor here. Routes raise errors; :mod:`queueapi.http.error_responses` turns them into
responses.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from queuecore.errors import (
    InvalidField,
    NotDurable,
    StoreError,
    StoreFull,
    StoreUnavailable,
    TaskActive,
    TaskNotCancellable,
    TaskNotFound,
    UniqueLockTaken,
)
from queuecore.store.tasks.enqueue import QueueFull

RETRY_AFTER_S = 1
"""Retry-After while the store is unreachable or full or does not confirm tasks, or the process holds too many bytes."""

JSON_TYPE = b"application/json"
_GOT_LENGTH = 80
_MESSAGE_LENGTH = 400
"""Of a message that repeats a part of the request, such as two valid names of 128 characters."""

_REFUSALS: dict[type[StoreError], tuple[int, str]] = {
    TaskNotFound: (404, "TASK_NOT_FOUND"),
    TaskNotCancellable: (409, "TASK_NOT_CANCELLABLE"),
    TaskActive: (409, "TASK_ACTIVE"),
}
"""Status and code of operations that the state of a task refuses."""


class ErrorBody(msgspec.Struct, frozen=True):
    """Body of every error response."""

    error: str
    """Message for people."""
    code: str
    """Kind of error, for programs."""
    details: dict[str, Any] = msgspec.field(default_factory=dict)


class ApiError(Exception):
    """A request that fails with an error response.

    Args:
        status: the HTTP status.
        code: the kind of error, for programs.
        message: the problem, for people.
        details: the problem, for programs.
        headers: further headers of the response.
    """

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        details: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.details = dict(details or {})
        self.headers = dict(headers or {})

    @property
    def body(self) -> ErrorBody:
        """The body of the response."""
        return ErrorBody(str(self), self.code, self.details)


def invalid(code: str, field: str, got: object, expected: str) -> ApiError:
    """A 400 for a field with an invalid value."""
    shown = shorten(got)
    return ApiError(
        400,
        code,
        f"{field}: expected {expected}, got {shown}",
        {"field": field, "got": shown, "expected": expected},
    )


def invalid_field(code: str, error: InvalidField) -> ApiError:
    """A 400 for a field that the domain rejects."""
    return invalid(code, error.field, error.got, error.expected)


def invalid_request(message: str, **details: object) -> ApiError:
    """A 400 for a request that does not match the route's schema."""
    return ApiError(400, "INVALID_REQUEST", message, details)


def payload_too_large(what: str, limit_bytes: int, setting: str) -> ApiError:
    """A 413 that names the limit and its setting, if it has one."""
    see = f" (see {setting})" if setting else ""
    return ApiError(
        413,
        "PAYLOAD_TOO_LARGE",
        f"{what} is larger than {limit_bytes} bytes{see}",
        {"limit_bytes": limit_bytes},
    )


def overloaded() -> ApiError:
    """A 503 for a request that exceeds the bytes of bodies that the process holds at once."""
    return ApiError(
        503,
        "OVERLOADED",
        "too many bytes of requests are in flight (see TASKYARD_API_MAX_IN_FLIGHT)",
        headers={"Retry-After": str(RETRY_AFTER_S)},
    )


def duplicate_task(holder_id: str, by_lock: bool) -> ApiError:
    """A 409 for a task whose id or unique lock another task holds."""
    why = "an equal task holds the unique lock" if by_lock else "a task with this id exists"
    return ApiError(409, "DUPLICATE_TASK", f"{why}: {holder_id}", {"task_id": holder_id})


def queue_full(refused: QueueFull, retry_after_s: int) -> ApiError:
    """A 429 with Retry-After for a queue at one of its limits."""
    return ApiError(
        429,
        "QUEUE_FULL",
        f"queue {refused.queue} is full: its {refused.limit} is {refused.maximum}, it holds {refused.held}",
        {
            "queue": refused.queue,
            "limit": refused.limit,
            "maximum": refused.maximum,
            "held": refused.held,
            "retry_after_s": retry_after_s,
        },
        {"Retry-After": str(retry_after_s)},
    )


def durability_unavailable(problem: str) -> ApiError:
    """A 409 for a durability that the store cannot provide."""
    return ApiError(
        409,
        "DURABILITY_UNAVAILABLE",
        cut(problem, _MESSAGE_LENGTH),
        {"field": "durability", "expected": "a durability that the store can provide"},
    )


def from_store(error: StoreError, fault_code: str = "INTERNAL_ERROR") -> ApiError:
    """The API error for an error of the store.

    Args:
        error: the store's error.
        fault_code: the route's code for errors of the server.
    """
    retry = {"Retry-After": str(RETRY_AFTER_S)}
    match error:
        case StoreUnavailable():
            return ApiError(503, "STORE_UNAVAILABLE", "the task store cannot be reached", headers=retry)
        case StoreFull():
            return ApiError(503, "STORE_FULL", "the task store has reached its memory limit", headers=retry)
        case TaskNotFound() | TaskNotCancellable() | TaskActive():
            status, code = _REFUSALS[type(error)]
            return ApiError(status, code, cut(str(error), _MESSAGE_LENGTH))
        case UniqueLockTaken():
            return duplicate_task(error.holder, by_lock=True)
        case NotDurable():
            message = f"{error}; the same request with the same Idempotency-Key may be repeated"
            return ApiError(503, "NOT_DURABLE", cut(message, _MESSAGE_LENGTH), headers=retry)
    return ApiError(500, fault_code, "the task store failed")


def shorten(value: object) -> str:
    """The value as JSON, cut to a length that fits a log line."""
    try:
        text = msgspec.json.encode(value).decode()
    except (TypeError, ValueError, RecursionError):
        text = repr(value)
    return cut(text)


def cut(text: str, length: int = _GOT_LENGTH) -> str:
    """The text, cut to a length: errors and logs repeat no more than a part of a request."""
    return text if len(text) <= length else f"{text[: length - 3]}..."
