"""The span of a lost attempt, whose worker could not export it."""

from __future__ import annotations

from opentelemetry.util.types import AttributeValue

from queuecore.domain.task import Outcome
from queuecore.observe.tracing import names
from queuecore.observe.tracing.context import TraceTexts
from queuecore.observe.tracing.tracer import Tracer
from queuecore.store.attempts.maintenance import Reclaim

_RECLAIM = "reclaim"


def record_lost_attempt(tracing: Tracer, reclaim: Reclaim) -> None:
    """Record a span from the start of the attempt until now, by the store's clock."""
    lease, task = reclaim.lease, reclaim.lease.task
    if task is None:
        return
    attributes: dict[str, AttributeValue] = {
        names.MESSAGING_SYSTEM: names.SYSTEM,
        names.MESSAGING_OPERATION_NAME: _RECLAIM,
        names.MESSAGING_OPERATION_TYPE: "settle",
        names.MESSAGING_DESTINATION: task.queue,
        names.MESSAGING_MESSAGE_ID: task.id,
        names.MESSAGING_CLIENT_ID: lease.attempt.worker,
        names.TASK_TYPE: task.type,
        names.TASK_ATTEMPT: lease.attempt.number,
        names.TASK_OUTCOME: Outcome.LOST,
        names.ERROR_TYPE: "lease_lapsed",
    }
    if reclaim.reason is not None:
        attributes[names.TASK_REASON] = reclaim.reason
    tracing.record(
        f"{_RECLAIM} {task.queue}",
        TraceTexts(task.traceparent, task.tracestate),
        attributes,
        lease.attempt.started_at_ms * 1_000_000,
        reclaim.now_ms * 1_000_000,
        reclaim.error,
    )
