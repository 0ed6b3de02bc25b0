from __future__ import annotations

import contextvars
from collections.abc import Callable
from functools import partial
from typing import TypeVar

import pytest
from opentelemetry import trace
from opentelemetry.context import attach
from opentelemetry.trace import SpanContext, SpanKind, StatusCode

from queuecore.domain.task import AttemptNumber, FencingToken, Task
from queuecore.observe.tracing.context import TraceTexts, context_of, read_place
from queuecore.observe.tracing.shortcuts import UnsampledAttempt
from queuecore.observe.tracing.tracer import NO_SPAN
from queuecore.store.attempts.leases import Lease
from queuecore.testing.builders import make_task
from tests.unit.queuecore.observe.tracing.bench import SENDER, UNSAMPLED, Bench

T = TypeVar("T")


def leased(task: Task) -> Lease:
    return Lease(task, FencingToken(7), AttemptNumber(2), started_at_ms=40, entered_at_ms=10)


def here() -> SpanContext:
    return trace.get_current_span().get_span_context()


def isolated(function: Callable[[], T]) -> T:
    """Run as an asyncio task would: with its own copy of the context."""
    return contextvars.copy_context().run(function)


def test_entry_continues_the_trace_when_the_caller_is_sampled() -> None:
    bench = Bench()
    with bench.tracer.entry("GET", SpanKind.SERVER, {"one": 1}, caller=lambda: TraceTexts(SENDER)) as span:
        assert trace.get_current_span() is span
        assert bench.tracer.outgoing() == TraceTexts(f"{SENDER[:35]}-{here().span_id:016x}-01")
    ended = bench.exported()
    assert (ended.parent, ended.kind, ended.attributes) == (read_place(TraceTexts(SENDER)), SpanKind.SERVER, {"one": 1})


def test_entry_keeps_the_callers_context_when_the_caller_is_not_sampled() -> None:
    bench = Bench()
    with bench.tracer.entry("GET", SpanKind.SERVER, caller=lambda: TraceTexts(UNSAMPLED, "vendor=a")) as span:
        assert not span.is_recording()
        assert here() == read_place(TraceTexts(UNSAMPLED, "vendor=a"))
        assert bench.tracer.outgoing() is None
        with bench.tracer.span("child", SpanKind.CLIENT) as child:
            assert child is NO_SPAN
    assert bench.exporter.get_finished_spans() == ()


def test_entry_begins_a_trace_that_tasks_carry_when_it_is_not_kept() -> None:
    bench = Bench(kept_below=0)
    with bench.tracer.entry("GET", SpanKind.SERVER):
        place = here()
        assert place.is_valid
        assert bench.tracer.outgoing() == TraceTexts(f"00-{place.trace_id:032x}-{place.span_id:016x}-00")
    assert not here().is_valid
    assert bench.exporter.get_finished_spans() == ()


def test_past_span_is_recorded_as_a_failed_consumer_when_its_sender_is_sampled() -> None:
    bench = Bench()
    bench.tracer.record("reclaim mail", TraceTexts(UNSAMPLED), {}, 5, 9, "lost")
    bench.tracer.record("reclaim mail", TraceTexts(SENDER), {"one": 1}, 5, 9, "lost")
    ended = bench.exported()
    assert (ended.start_time, ended.end_time, ended.attributes) == (5, 9, {"one": 1})
    assert (ended.status.status_code, ended.status.description) == (StatusCode.ERROR, "lost")
    assert [link.context for link in ended.links] == [ended.parent] == [read_place(TraceTexts(SENDER))]


@pytest.mark.parametrize("traceparent", [None, SENDER])
def test_attempt_has_a_current_span_when_its_trace_is_kept(traceparent: str | None) -> None:
    bench = Bench()
    task = make_task(type="mail:send", queue="mail", traceparent=traceparent)

    def run() -> None:
        span = bench.tracer.attempt(leased(task))
        assert trace.get_current_span() is span
        assert span.trace_id == f"{here().trace_id:032x}"
        span.end()

    isolated(run)
    ended = bench.exported()
    assert (ended.name, ended.kind) == ("process mail", SpanKind.CONSUMER)
    assert ended.attributes == {
        "messaging.system": "taskyard",
        "messaging.operation.name": "process",
        "messaging.operation.type": "process",
        "messaging.destination.name": "mail",
        "messaging.message.id": task.id,
        "messaging.client.id": "worker-1",
        "taskyard.task.type": "mail:send",
        "taskyard.task.attempt": 2,
        "taskyard.task.waited_ms": 30,
    }
    parent = read_place(TraceTexts(traceparent))
    assert ended.parent == parent
    assert [link.context for link in ended.links] == ([] if parent is None else [parent])


@pytest.mark.parametrize("traceparent", [None, UNSAMPLED])
def test_attempt_has_ids_of_its_own_asyncio_task_when_its_trace_is_not_kept(traceparent: str | None) -> None:
    bench = Bench(kept_below=0)
    tasks = [make_task(queue="mail", traceparent=traceparent) for _ in range(2)]

    def run() -> list[SpanContext]:
        attach(context_of(UnsampledAttempt(0)))
        assert not here().is_valid

        def attempt(task: Task) -> SpanContext:
            assert bench.tracer.attempt(leased(task)) is NO_SPAN
            return here()

        found = [isolated(partial(attempt, task)) for task in (*tasks, tasks[0])]
        assert not here().is_valid
        return found

    first, second, again = isolated(run)
    assert first == again
    assert first.is_valid
    assert not first.trace_flags.sampled
    if traceparent is None:
        assert first != second
    else:
        assert first == second == read_place(TraceTexts(UNSAMPLED))
    assert bench.exporter.get_finished_spans() == ()
