"""Task builder: field validation, and defaults for the fields that a request leaves out."""

from __future__ import annotations

import time
from collections import OrderedDict

import msgspec

from queueapi.errors import ApiError, invalid, invalid_field, invalid_request, payload_too_large
from queueapi.schemas.requests import MAX_METADATA_BYTES, CreateTask, RetryPolicyFields
from queueapi.settings import ApiSettings
from queuecore.domain.duration import parse_duration, parse_positive_duration
from queuecore.domain.identity import unique_digest
from queuecore.domain.names import check_queue_name, check_task_id, check_task_type
from queuecore.domain.retry import RetryPolicy
from queuecore.domain.task import Task, UniqueLock
from queuecore.domain.timestamp import parse_rfc3339
from queuecore.errors import InvalidField
from queuecore.observe.tracing.context import TraceTexts
from queuecore.store.tasks.task_id import new_task_id

_CODES = {
    "type": "INVALID_TASK_TYPE",
    "timeout": "INVALID_TIMEOUT",
    "process_at": "INVALID_PROCESS_AT",
    "unique": "INVALID_UNIQUE",
}
"""Error code per field; INVALID_REQUEST for all others."""

_DEFAULT_POLICY = RetryPolicy()
_NO_METADATA: dict[str, str] = {}
_MAX_ARRIVALS = 10_000
"""Chosen ids whose last arrival is kept."""
_NO_TRACE = TraceTexts()

_encode = msgspec.json.Encoder().encode
_encode_sorted = msgspec.json.Encoder(order="sorted").encode


class TaskBuilder:
    """Turns requests into tasks.

    Args:
        settings: limits and default values.
    """

    def __init__(self, settings: ApiSettings) -> None:
        self._settings = settings
        self._arrivals: OrderedDict[str, int] = OrderedDict()

    def build(self, request: CreateTask, origin: TraceTexts = _NO_TRACE) -> Task:
        """Validate the fields of ``request`` and build its task.

        Args:
            request: the parsed request.
            origin: the caller's trace context.

        Raises:
            ApiError: a field has an invalid value.
        """
        settings, unset = self._settings, msgspec.UNSET
        try:
            check_task_type(request.type)
            check_queue_name(request.queue)
            timeout, retention, at, deadline = request.timeout, request.retention, request.process_at, request.deadline
            task_id, unique, unique_key = request.task_id, request.unique, request.unique_key
            now_ms = time.time_ns() // 1_000_000
            return Task(
                payload=self._encode_payload(request.payload),
                id=new_task_id() if task_id is unset else check_task_id(task_id),
                queue=request.queue,
                type=request.type,
                enqueued_at_ms=now_ms if task_id is unset else self._arrival_ms(task_id, now_ms),
                process_at_ms=None if at is unset else parse_rfc3339(at, "process_at"),
                priority=request.priority,
                max_retries=settings.max_retries if request.max_retries is unset else request.max_retries,
                timeout_ms=settings.timeout_ms if timeout is unset else parse_positive_duration(timeout, "timeout"),
                deadline_at_ms=None if deadline is unset else parse_rfc3339(deadline, "deadline"),
                retry_policy=_DEFAULT_POLICY if request.retry_policy is unset else _policy(request.retry_policy),
                unique=None if unique is unset and unique_key is unset else _unique_lock(request),
                metadata=_NO_METADATA if request.metadata is unset else _check_metadata(request.metadata),
                retention_ms=settings.retention_ms if retention is unset else parse_duration(retention, "retention"),
                archive_retention_ms=None
                if request.archive_retention is unset
                else parse_duration(request.archive_retention, "archive_retention"),
                default_archive_retention_ms=settings.archive_retention_ms,
                traceparent=origin.traceparent,
                tracestate=origin.tracestate,
            )
        except InvalidField as error:
            raise invalid_field(_CODES.get(error.field, "INVALID_REQUEST"), error) from error

    def _encode_payload(self, payload: object) -> bytes:
        if not isinstance(payload, dict):
            raise invalid("INVALID_PAYLOAD", "payload", payload, "a JSON object")
        encoded = _encode(payload)
        if len(encoded) > self._settings.max_payload_bytes:
            raise payload_too_large("the payload", self._settings.max_payload_bytes, "TASKYARD_API_MAX_PAYLOAD")
        return encoded

    def _arrival_ms(self, task_id: str, now_ms: int) -> int:
        """The current time, or later: tasks with the same chosen id never have the same arrival.

        The store treats an enqueue of identical bytes as a retry of a call whose reply was lost. Two callers that
        choose the same id in the same millisecond must not be mistaken for one.
        """
        arrival_ms = max(now_ms, self._arrivals.pop(task_id, 0) + 1)
        self._arrivals[task_id] = arrival_ms
        if len(self._arrivals) > _MAX_ARRIVALS:
            self._arrivals.popitem(last=False)
        return arrival_ms


def _unique_lock(request: CreateTask) -> UniqueLock:
    key = None if request.unique_key is msgspec.UNSET else request.unique_key
    if request.unique is msgspec.UNSET:
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
