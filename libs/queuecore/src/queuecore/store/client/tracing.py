"""Spans of store calls, while the current span is recorded.

Requests to the API have them, and handlers that call the store. The worker's and the scheduler's own calls have none:
each serves many tasks, or none yet.
"""

from __future__ import annotations

from opentelemetry import trace
from opentelemetry.trace import SpanKind
from opentelemetry.util.types import AttributeValue

from queuecore.observe.tracing import names
from queuecore.observe.tracing.tracer import NO_SPAN, PASSIVE, SpanBlock


def call_span(command: str, script: str = "", commands: int = 1) -> SpanBlock:
    """Open a span around one round trip.

    Args:
        command: the command sent.
        script: the script's name, of a script call.
        commands: the number of commands in the pipeline.
    """
    if not trace.get_current_span().is_recording():
        return NO_SPAN
    # Keys and arguments are the callers' data, and left out.
    attributes: dict[str, AttributeValue] = {names.DB_SYSTEM: "redis", names.DB_OPERATION: command}
    if script:
        attributes[names.DB_STORED_PROCEDURE] = script
    if commands > 1:
        attributes[names.DB_BATCH_SIZE] = commands
    return PASSIVE.span(f"{command} {script}".rstrip(), SpanKind.CLIENT, attributes)
