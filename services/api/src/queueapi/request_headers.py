"""The request headers that routes look at, read from ASGI's raw pairs."""

from __future__ import annotations

from collections.abc import Iterable

from queueapi.task_building import read_traceparent

RawHeaders = Iterable[tuple[bytes, bytes]]


def idempotency_key(headers: RawHeaders) -> str | None:
    """What the caller names this request, still to be checked."""
    return _find(headers, b"idempotency-key")


def traceparent(headers: RawHeaders) -> str | None:
    """The caller's trace context, if it is well formed."""
    return read_traceparent(_find(headers, b"traceparent"))


def _find(headers: RawHeaders, name: bytes) -> str | None:
    for each, value in headers:
        if each == name:
            return value.decode("latin-1")
    return None
