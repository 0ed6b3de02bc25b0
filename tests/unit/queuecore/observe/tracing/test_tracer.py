from __future__ import annotations

import asyncio

import pytest
from opentelemetry import trace
from opentelemetry.trace import SpanKind, StatusCode

from queuecore.domain.task import AttemptNumber, FencingToken
from queuecore.observe.tracing.context import context_of
from queuecore.observe.tracing.setup import start_tracing
from queuecore.observe.tracing.tracer import NO_SPAN, PASSIVE, OpenSpan, Tracer
from queuecore.settings.shared import TraceSettings
from queuecore.store.attempts.leases import Lease
from queuecore.testing.builders import make_task
from tests.unit.queuecore.observe.tracing.bench import Bench


def make_lease() -> Lease:
    return Lease(make_task(), FencingToken(1), AttemptNumber(1), started_at_ms=2, entered_at_ms=1)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_tracing_is_passive_when_no_collector_is_set() -> None:
    assert start_tracing("worker", TraceSettings()) is PASSIVE


def test_passive_tracer_records_nothing_when_nothing_is_recorded() -> None:
    with PASSIVE.span("send", SpanKind.PRODUCER) as span, PASSIVE.entry("GET", SpanKind.SERVER) as entry:
        assert span is NO_SPAN
        assert entry is NO_SPAN
        assert trace.get_current_span() is trace.INVALID_SPAN
    assert PASSIVE.attempt(make_lease()) is NO_SPAN
    assert PASSIVE.outgoing() is None
    assert not NO_SPAN.is_recording()
    assert NO_SPAN.trace_id is None


def test_no_span_lets_errors_pass_when_its_block_fails() -> None:
    with pytest.raises(ValueError, match="no"), NO_SPAN:
        raise ValueError("no")


def test_span_is_a_current_child_when_the_current_span_is_recorded(bench: Bench) -> None:
    parent = bench.sdk.start_span("parent")
    with OpenSpan(parent, context_of(parent)), Tracer(bench.sdk).span("child", SpanKind.CLIENT, {"one": 1}) as child:
        assert trace.get_current_span() is child
    assert trace.get_current_span() is trace.INVALID_SPAN
    ended = {span.name: span for span in bench.exporter.get_finished_spans()}
    assert ended["child"].parent == parent.get_span_context()
    assert (ended["child"].kind, ended["child"].attributes) == (SpanKind.CLIENT, {"one": 1})
    assert ended["child"].status.status_code is StatusCode.UNSET


@pytest.mark.parametrize("error", [ValueError("no"), asyncio.CancelledError()])
def test_span_fails_when_an_exception_leaves_its_block(bench: Bench, error: BaseException) -> None:
    span = bench.sdk.start_span("work")
    with pytest.raises(type(error)), OpenSpan(span, context_of(span)):
        raise error
    ended = bench.exported()
    assert (ended.status.status_code, ended.status.description) == (StatusCode.ERROR, None)
    assert ended.attributes == {"error.type": type(error).__name__}
    assert ended.events == ()


@pytest.mark.parametrize("error", [ValueError("no"), asyncio.CancelledError()])
def test_span_records_exceptions_as_the_sdk_when_asked_to(error: BaseException) -> None:
    ours, sdks = Bench(), Bench()
    span = ours.sdk.start_span("work")
    with pytest.raises(type(error)), OpenSpan(span, context_of(span), record_exceptions=True):
        raise error
    with pytest.raises(type(error)), sdks.sdk.start_as_current_span("work"):
        raise error
    expected, found = sdks.exported(), ours.exported()
    assert (found.status.status_code, found.status.description) == (
        expected.status.status_code,
        expected.status.description,
    )
    assert found.attributes == expected.attributes
    assert [event.name for event in found.events] == [event.name for event in expected.events]
