"""Request headers that routes use, read from ASGI's raw pairs."""

from __future__ import annotations

import re
from collections.abc import Iterable

from queuecore.observe.tracing.context import TraceTexts, is_well_formed

RawHeaders = Iterable[tuple[bytes, bytes]]

MAX_TRACESTATE_LENGTH = 512
"""Length that W3C Trace Context requires to be propagated."""

_NO_TRACE = TraceTexts()
_PRINTABLE = re.compile(r"[\t -~]+")


def idempotency_key(headers: RawHeaders) -> str | None:
    """The request's ``Idempotency-Key``, unvalidated."""
    return find_header(headers, b"idempotency-key")


def trace_texts(headers: RawHeaders) -> TraceTexts:
    """The caller's trace context; empty when missing or malformed."""
    traceparent = read_traceparent(find_header(headers, b"traceparent"))
    return _NO_TRACE if traceparent is None else TraceTexts(traceparent, _tracestate(headers))


def read_traceparent(text: str | None) -> str | None:
    """The ``traceparent`` if it is well formed; W3C Trace Context says to ignore it otherwise."""
    return text if text is not None and is_well_formed(text) else None


def _tracestate(headers: RawHeaders) -> str | None:
    """The ``tracestate`` headers, joined as W3C Trace Context defines; ``None`` when too long or malformed."""
    text = ",".join(value.decode("latin-1") for name, value in headers if name == b"tracestate")
    return text if len(text) <= MAX_TRACESTATE_LENGTH and _PRINTABLE.fullmatch(text) else None


def find_header(headers: RawHeaders, name: bytes) -> str | None:
    """The first header with this lower-case name."""
    for each, value in headers:
        if each == name:
            return value.decode("latin-1")
    return None
