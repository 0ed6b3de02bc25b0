"""Producer spans: one for each call that enqueues, whose context the tasks carry to their attempts.

A span lasts until the store has answered. A coalesced store call has no span, because it serves many requests.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace
from opentelemetry.trace import Span

from queuecore.observe.tracing import names
from queuecore.observe.tracing.context import TraceTexts
from queuecore.observe.tracing.tracer import fail
from queuecore.store.tasks.enqueue import Enqueue, Enqueued, EnqueueResult

SEND = "send"
"""Name of the span; followed by the queue if there is only one."""


def carry(request: Enqueue, context: TraceTexts | None) -> Enqueue:
    """Put a trace context into a task; ``None`` leaves that of the request's headers."""
    if context is None:
        return request
    return replace(request, task=replace(request.task, traceparent=context.traceparent, tracestate=context.tracestate))


def describe_tasks(span: Span, requests: Sequence[Enqueue]) -> None:
    """Add what all of the tasks share."""
    if not span.is_recording():
        return
    span.set_attribute(names.MESSAGING_SYSTEM, names.SYSTEM)
    span.set_attribute(names.MESSAGING_OPERATION_NAME, SEND)
    span.set_attribute(names.MESSAGING_OPERATION_TYPE, SEND)
    queues = {request.task.queue for request in requests}
    types = {request.task.type for request in requests}
    if len(queues) == 1:
        (queue,) = queues
        span.set_attribute(names.MESSAGING_DESTINATION, queue)
        span.update_name(f"{SEND} {queue}")
    if len(types) == 1:
        span.set_attribute(names.TASK_TYPE, types.pop())


def describe_outcomes(span: Span, outcomes: Sequence[EnqueueResult]) -> None:
    """Add the outcome of one task, or the number of refused tasks of several."""
    if not span.is_recording():
        return
    refused = [outcome for outcome in outcomes if not isinstance(outcome, Enqueued)]
    if refused:
        fail(span, type(refused[0]).__name__)
    if len(outcomes) > 1:
        span.set_attribute(names.SEND_REFUSED, len(refused))
        return
    for outcome in outcomes:
        if isinstance(outcome, Enqueued):
            span.set_attribute(names.MESSAGING_MESSAGE_ID, outcome.task_id)
            if outcome.replayed:
                span.set_attribute(names.SEND_REPLAYED, value=True)
