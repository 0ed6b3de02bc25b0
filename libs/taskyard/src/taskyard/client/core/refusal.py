"""Errors for the answers of the API: each names the problem and the remedy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from taskyard.client.core.answers import ErrorBody
from taskyard.client.core.call import Answer, Call
from taskyard.errors import (
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

_SHOWN = 200
"""Characters of an answer that is not the API's."""

_decode_error = msgspec.json.Decoder(ErrorBody).decode

_BY_CODE: Mapping[str, type[Refused]] = {
    "INVALID_TASK_TYPE": UnknownTaskType,
    "INVALID_PAYLOAD": PayloadRefused,
    "PAYLOAD_TOO_LARGE": PayloadRefused,
    "DUPLICATE_TASK": DuplicateTask,
    "QUEUE_FULL": QueueFull,
    "TASK_NOT_FOUND": UnknownTask,
    "TASK_ACTIVE": WrongState,
    "TASK_NOT_CANCELLABLE": WrongState,
}
_REMEDIES: Mapping[str, str] = {
    "INVALID_TASK_TYPE": "start a worker that loads its app, as with TASKYARD_WORKER_APPS=shop.tasks:app",
    "INVALID_PAYLOAD": "the worker that registered the type may run another release of the app than this process",
    "QUEUE_FULL": "try later, or raise the limits of the queue",
}


def refusal(url: str, call: Call, answer: Answer) -> Refused:
    """The error for an answer that is not a success."""
    try:
        body = _decode_error(answer.body)
    except msgspec.DecodeError:
        return _foreign(url, call, answer)
    return refusal_of(
        url, call, answer.status, body.error, body.code, body.details, retry_after_s=retry_after_s(answer)
    )


def refusal_of(
    url: str,
    call: Call,
    status: int,
    message: str,
    code: str,
    details: Mapping[str, Any],
    *,
    retry_after_s: float | None = None,
) -> Refused:
    """The error for an error of the API, of a whole request or of one task of a batch."""
    if status in (401, 403):
        kind: type[Refused] = Unauthorized
        remedy = "check TASKYARD_TOKEN or the file that TASKYARD_TOKEN_FILE names"
    elif _is_unknown_operation(status, code, details):
        kind, remedy = ServerTooOld, "upgrade the API to the release of this client"
    elif status == 503:
        kind, remedy = NotAvailable, "GET /ready of the API names the cause"
    else:
        kind, remedy = _BY_CODE.get(code, Refused), _REMEDIES.get(code, "")
    text = f"{call.operation}: {message} ({code}, {status}, from {url})" + (f"; {remedy}" if remedy else "")
    return kind(text, status=status, code=code, details=details, retry_after_s=retry_after_s)


def retry_after_s(answer: Answer) -> float | None:
    """The header ``Retry-After`` in seconds; ``None`` without one, and for a date, which the API never sends."""
    text = answer.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() else None


def _is_unknown_operation(status: int, code: str, details: Mapping[str, Any]) -> bool:
    return status == 405 or code == "NOT_FOUND" or details.get("expected") == "a known field"


def _foreign(url: str, call: Call, answer: Answer) -> Refused:
    """The error for an answer without the API's form, as of a proxy or another service."""
    if answer.status in (401, 403):
        return Unauthorized(
            f"{call.operation}: {url} answers {answer.status}; check TASKYARD_TOKEN or the file that "
            "TASKYARD_TOKEN_FILE names",
            status=answer.status,
        )
    shown = answer.body[:_SHOWN].decode(errors="replace")
    return Refused(
        f"{call.operation}: {url} answers {answer.status}, and not as Taskyard's API does: {shown!r}; "
        "is TASKYARD_URL the address of the API?",
        status=answer.status,
        retry_after_s=retry_after_s(answer),
    )
