"""The request headers that routes look at, read from ASGI's raw pairs."""

from __future__ import annotations

import re
from collections.abc import Iterable

from queuecore.observe.tracing.context import TraceTexts, is_well_formed

RawHeaders = Iterable[tuple[bytes, bytes]]

MOST_TRACESTATE = 512
"""What the standard wants to be passed on at least."""

_NO_TRACE = TraceTexts()
_PRINTABLE = re.compile(r"[\t -~]+")


def idempotency_key(headers: RawHeaders) -> str | None:
    """What the caller names this request, still to be checked."""
    return find_header(headers, b"idempotency-key")


def trace_texts(headers: RawHeaders) -> TraceTexts:
    """The caller's trace context, if it is well formed."""
    traceparent = read_traceparent(find_header(headers, b"traceparent"))
    return _NO_TRACE if traceparent is None else TraceTexts(traceparent, _tracestate(headers))


def read_traceparent(text: str | None) -> str | None:
    """The W3C trace context of a request's header, if it is well formed; the standard says to ignore it otherwise."""
    return text if text is not None and is_well_formed(text) else None


def _tracestate(headers: RawHeaders) -> str | None:
    """The standard allows several headers, which count as one list, and to drop what is too long or odd."""
    text = ",".join(value.decode("latin-1") for name, value in headers if name == b"tracestate")
    return text if len(text) <= MOST_TRACESTATE and _PRINTABLE.fullmatch(text) else None


def find_header(headers: RawHeaders, name: bytes) -> str | None:
    """The first header of this name, which is given in lower case."""
    for each, value in headers:
        if each == name:
            return value.decode("latin-1")
    return None
