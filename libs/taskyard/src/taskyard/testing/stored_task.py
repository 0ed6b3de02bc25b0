"""The stored task that the API would make of a request."""

from __future__ import annotations

import time
from uuid import uuid4

import msgspec

from queuecore.domain.duration import parse_duration
from queuecore.domain.retry import RetryPolicy
from queuecore.domain.task import Task
from queuecore.domain.timestamp import parse_rfc3339
from taskyard.request import Request


class _Policy(msgspec.Struct):
    curve: str
    base: str
    factor: float
    max: str
    jitter: float


def store(request: Request[object]) -> Task:
    """The task of a request; options that are not set have the defaults of the API."""
    now_ms = time.time_ns() // 1_000_000
    fields = msgspec.json.decode(request.body(now_ms))
    given: dict[str, object] = {
        name: fields[name] for name in ("priority", "max_retries", "metadata") if name in fields
    }
    given |= {f"{name}_ms": parse_duration(fields[name]) for name in ("timeout", "retention") if name in fields}
    given |= {f"{name}_at_ms": parse_rfc3339(fields[key]) for name, key in _MOMENTS.items() if key in fields}
    if "retry_policy" in fields:
        given["retry_policy"] = _policy(msgspec.convert(fields["retry_policy"], _Policy))
    return msgspec.convert(
        {
            "id": fields.get("task_id") or str(uuid4()),
            "queue": request.queue,
            "type": request.type,
            "payload": request.payload,
            "enqueued_at_ms": now_ms,
            **given,
        },
        Task,
    )


_MOMENTS = {"process": "process_at", "deadline": "deadline"}


def _policy(fields: _Policy) -> RetryPolicy:
    return msgspec.convert(
        {
            "curve": fields.curve,
            "base_ms": parse_duration(fields.base),
            "factor": fields.factor,
            "max_ms": parse_duration(fields.max),
            "jitter": fields.jitter,
        },
        RetryPolicy,
    )
