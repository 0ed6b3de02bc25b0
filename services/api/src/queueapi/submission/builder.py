"""From a request to a task."""

from __future__ import annotations

import time
from collections import OrderedDict

import msgspec

from queueapi.errors import ApiError, invalid, invalid_field, invalid_request, payload_too_large
from queueapi.schemas.requests import MAX_METADATA_BYTES, CreateTask, RetryPolicyFields
from queueapi.settings import ApiSettings
from queuecore.domain.duration import parse_duration, parse_positive_duration
from queuecore.domain.identity import new_task_id, unique_digest
from queuecore.domain.names import check_queue_name, check_task_id, check_task_type
from queuecore.domain.retry import RetryPolicy
from queuecore.domain.task import Task, UniqueLock
from queuecore.domain.timestamp import parse_rfc3339
from queuecore.errors import InvalidField
from queuecore.observe.tracing.context import TraceTexts

_CODES = {
    "type": "INVALID_TASK_TYPE",
    "timeout": "INVALID_TIMEOUT",
    "process_at": "INVALID_PROCESS_AT",
    "unique": "INVALID_UNIQUE",
}
"""Field -> the code of its errors; INVALID_REQUEST for all others."""

_DEFAULT_POLICY = RetryPolicy()
_NO_METADATA: dict[str, str] = {}
_REMEMBERED_IDS = 10_000
_NO_TRACE = TraceTexts()

_encode = msgspec.json.Encoder().encode
_encode_sorted = msgspec.json.Encoder(order="sorted").encode


class TaskBuilder:
    """Makes tasks of requests.

    Args:
        settings: limits, and what holds where the caller says nothing.
    """

    def __init__(self, settings: ApiSettings) -> None:
        self._settings = settings
        self._arrivals: OrderedDict[str, int] = OrderedDict()

    def build(self, request: CreateTask, origin: TraceTexts = _NO_TRACE) -> Task:
        """The task that ``request`` asks for.

        Raises:
            ApiError: a field has a value that it does not take.
        """
        try:
            return self._build(request, origin)
        except InvalidField as error:
            raise invalid_field(_CODES.get(error.field, "INVALID_REQUEST"), error) from error

    def _build(self, request: CreateTask, origin: TraceTexts) -> Task:
        settings, unset = self._settings, msgspec.UNSET
        check_task_type(request.type)
        check_queue_name(request.queue)
        timeout, retention, at, deadline = request.timeout, request.retention, request.process_at, request.deadline
        return Task(
            payload=self._encode_payload(request.payload),
            id=new_task_id() if request.task_id is unset else check_task_id(request.task_id),
            queue=request.queue,
            type=request.type,
            enqueued_at_ms=self._arrival_ms(request),
            process_at_ms=None if at is unset else parse_rfc3339(at, "process_at"),
            priority=request.priority,
            max_retries=settings.max_retries if request.max_retries is unset else request.max_retries,
            timeout_ms=settings.timeout_ms if timeout is unset else parse_positive_duration(timeout, "timeout"),
            deadline_at_ms=None if deadline is unset else parse_rfc3339(deadline, "deadline"),
            retry_policy=_DEFAULT_POLICY if request.retry_policy is unset else _policy(request.retry_policy),
            unique=_unique_lock(request),
            metadata=_NO_METADATA if request.metadata is unset else _check_metadata(request.metadata),
            retention_ms=settings.retention_ms if retention is unset else parse_duration(retention, "retention"),
            traceparent=origin.traceparent,
            tracestate=origin.tracestate,
        )

    def _encode_payload(self, payload: object) -> bytes:
        if not isinstance(payload, dict):
            raise invalid("INVALID_PAYLOAD", "payload", payload, "a JSON object")
        encoded = _encode(payload)
        if len(encoded) > self._settings.max_payload_bytes:
            raise payload_too_large("the payload", self._settings.max_payload_bytes, "TASKYARD_API_MAX_PAYLOAD")
        return encoded

    def _arrival_ms(self, request: CreateTask) -> int:
        """Now; of two requests with the same id, the later one has the later arrival.

        The store takes an enqueue of the very same bytes for a repetition of one whose reply was lost. Two callers
        that chose the same id in the same millisecond must not look like that.
        """
        now_ms = time.time_ns() // 1_000_000
        if request.task_id is msgspec.UNSET:
            return now_ms
        arrival_ms = max(now_ms, self._arrivals.pop(request.task_id, 0) + 1)
        self._arrivals[request.task_id] = arrival_ms
        if len(self._arrivals) > _REMEMBERED_IDS:
            self._arrivals.popitem(last=False)
        return arrival_ms


def _unique_lock(request: CreateTask) -> UniqueLock | None:
    key = None if request.unique_key is msgspec.UNSET else request.unique_key
    if request.unique is msgspec.UNSET:
        if key is None:
            return None
        raise invalid_request(
            "unique_key: it needs `unique`, the duration within which no other task with this key is taken",
            field="unique_key",
            expected="`unique` beside it",
        )
    window_ms = parse_positive_duration(request.unique, "unique")
    canonical = _encode_sorted(request.payload) if key is None else b""
    return UniqueLock(unique_digest(request.type, canonical, key), window_ms)


def _check_metadata(metadata: dict[str, str]) -> dict[str, str]:
    size = sum(len(key.encode()) + len(value.encode()) for key, value in metadata.items())
    if size > MAX_METADATA_BYTES:
        expected = f"at most {MAX_METADATA_BYTES} bytes of names and values"
        raise ApiError(
            400,
            "INVALID_REQUEST",
            f"metadata: expected {expected}, got {size}",
            {"field": "metadata", "got": size, "expected": expected},
        )
    return metadata


def _policy(fields: RetryPolicyFields) -> RetryPolicy:
    return RetryPolicy(
        curve=fields.curve,
        base_ms=parse_duration(fields.base, "retry_policy.base"),
        factor=fields.factor,
        max_ms=parse_duration(fields.max, "retry_policy.max"),
        jitter=fields.jitter,
    )
