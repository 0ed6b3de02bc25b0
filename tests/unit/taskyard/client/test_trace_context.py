from __future__ import annotations

import sys

import pytest
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from taskyard.client.trace_context import trace_headers


def test_current_span_is_sent() -> None:
    context = SpanContext(0x1234, 0x56, is_remote=False, trace_flags=TraceFlags(1))
    with trace.use_span(NonRecordingSpan(context)):
        assert trace_headers() == {"traceparent": "00-00000000000000000000000000001234-0000000000000056-01"}


def test_nothing_is_sent_without_a_span() -> None:
    assert trace_headers() == {}


def test_nothing_is_sent_when_opentelemetry_is_not_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "opentelemetry.trace")
    assert trace_headers() == {}
