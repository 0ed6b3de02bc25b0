"""The span of an attempt whose worker is gone: the worker would have told of it at the end, and had none."""

from __future__ import annotations

from opentelemetry.trace import StatusCode

from queuecore.domain.task import Outcome
from queuecore.observe.tracing import names
from queuecore.observe.tracing.context import TraceTexts
from queuecore.observe.tracing.setup import Attributes, Tracing
from queuecore.store.attempts.maintenance import Reclaim

_RECLAIM = "reclaim"


def trace_lost_attempt(tracing: Tracing, reclaim: Reclaim) -> None:
    """Make a span that lasts from the start of the attempt until now, by the store's clock."""
    lapsed, task = reclaim.lease, reclaim.lease.task
    if task is None:
        return
    if tracing.passed_over(task.traceparent, task.tracestate) is not None:
        return
    origin = TraceTexts(task.traceparent, task.tracestate)
    attributes: Attributes = {
        names.MESSAGING_SYSTEM: names.SYSTEM,
        names.MESSAGING_OPERATION_NAME: _RECLAIM,
        names.MESSAGING_OPERATION_TYPE: "settle",
        names.MESSAGING_DESTINATION: task.queue,
        names.MESSAGING_MESSAGE_ID: task.id,
        names.MESSAGING_CLIENT_ID: lapsed.attempt.worker,
        names.TASK_TYPE: task.type,
        names.TASK_ATTEMPT: lapsed.attempt.number,
        names.TASK_OUTCOME: Outcome.LOST,
        names.ERROR_TYPE: "lease_lapsed",
    }
    if reclaim.reason is not None:
        attributes[names.TASK_REASON] = reclaim.reason
    span = tracing.consumers.start(
        f"{_RECLAIM} {task.queue}", origin, attributes, lapsed.attempt.started_at_ms * 1_000_000
    )
    span.set_status(StatusCode.ERROR, reclaim.error)
    span.end(reclaim.now_ms * 1_000_000)
