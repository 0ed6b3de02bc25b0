"""Task view: a stored task as the API shows it."""

from __future__ import annotations

import msgspec

from queueapi.schemas.responses import AttemptView, RetryPolicyView, TaskView
from queuecore.domain.duration import format_duration
from queuecore.domain.retry import RetryPolicy
from queuecore.domain.state import TaskState
from queuecore.domain.task import Attempt, TaskSnapshot
from queuecore.domain.timestamp import format_rfc3339

_WAITING = (TaskState.PENDING, TaskState.SCHEDULED, TaskState.RETRY)


def view_task(snapshot: TaskSnapshot) -> TaskView:
    """The response body for a task."""
    task = snapshot.task
    return TaskView(
        id=task.id,
        queue=task.queue,
        type=task.type,
        state=snapshot.state,
        max_retry=task.max_retries,
        retried=snapshot.retried,
        last_err=snapshot.last_error,
        next_process_at=format_rfc3339(_process_at_ms(snapshot)),
        payload=msgspec.Raw(task.payload),
        priority=task.priority,
        timeout=format_duration(task.timeout_ms),
        deadline=_moment(task.deadline_at_ms),
        retry_policy=_view_policy(task.retry_policy),
        process_at=_moment(task.process_at_ms),
        unique=format_duration(task.unique.window_ms) if task.unique else None,
        metadata=dict(task.metadata),
        retention=format_duration(task.retention_ms),
        archive_retention=None if task.archive_retention_ms is None else format_duration(task.archive_retention_ms),
        traceparent=task.traceparent,
        attempt=snapshot.attempt,
        excused=snapshot.excused,
        attempts=[_view_attempt(attempt) for attempt in snapshot.attempts],
        progress=_json_or_none(snapshot.progress),
        result=_json_or_none(snapshot.result),
        reason=snapshot.reason,
        cancel_requested=snapshot.cancel_requested,
        created_at=format_rfc3339(task.enqueued_at_ms),
        ended_at=_moment(snapshot.ended_at_ms),
    )


def _process_at_ms(snapshot: TaskSnapshot) -> int:
    """Start of the last attempt, or the earliest start of the next one while the task waits."""
    if snapshot.state in _WAITING:
        return snapshot.state_at_ms
    if snapshot.attempts:
        return snapshot.attempts[-1].started_at_ms
    task = snapshot.task
    return task.enqueued_at_ms if task.process_at_ms is None else task.process_at_ms


def _view_attempt(attempt: Attempt) -> AttemptView:
    return AttemptView(
        number=attempt.number,
        worker=attempt.worker,
        pod=attempt.pod,
        started_at=format_rfc3339(attempt.started_at_ms),
        ended_at=_moment(attempt.ended_at_ms),
        outcome=attempt.outcome,
        error=attempt.error,
    )


def _view_policy(policy: RetryPolicy) -> RetryPolicyView:
    return RetryPolicyView(
        policy.curve, format_duration(policy.base_ms), policy.factor, format_duration(policy.max_ms), policy.jitter
    )


def _moment(unix_ms: int | None) -> str | None:
    return None if unix_ms is None else format_rfc3339(unix_ms)


def _json_or_none(data: bytes | None) -> msgspec.Raw | None:
    return None if data is None else msgspec.Raw(data)
