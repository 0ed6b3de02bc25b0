"""Spans of calls of the store, made while a recorded span is the current one; any other call costs a look at it.

So requests to the api have them, and handlers that use the store. The worker's and the scheduler's own calls have none:
they serve many tasks at once, or none yet.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

_NOT_TRACED = nullcontext()
_tracer = trace.get_tracer("taskyard")


def call_span(command: str, script: str = "", commands: int = 1) -> AbstractContextManager[None]:
    """A span around one round trip, if it is to be traced.

    Args:
        command: what is sent.
        script: which one, of a script call.
        commands: how many are sent at once.
    """
    return _span(command, script, commands) if trace.get_current_span().is_recording() else _NOT_TRACED


@contextmanager
def _span(command: str, script: str, commands: int) -> Iterator[None]:
    # Names of the semantic conventions for database clients. Keys and arguments are data of callers, and left out.
    span = _tracer.start_span(f"{command} {script}".rstrip(), kind=SpanKind.CLIENT)
    span.set_attribute("db.system.name", "redis")
    span.set_attribute("db.operation.name", command)
    if script:
        span.set_attribute("db.stored_procedure.name", script)
    if commands > 1:
        span.set_attribute("db.operation.batch.size", commands)
    try:
        yield
    except BaseException as error:
        span.set_attribute("error.type", type(error).__name__)
        span.set_status(StatusCode.ERROR)
        raise
    finally:
        span.end()
