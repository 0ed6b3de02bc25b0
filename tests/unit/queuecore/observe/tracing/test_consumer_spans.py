from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import Decision, TraceIdRatioBased
from opentelemetry.trace import SpanContext, StatusCode

from queuecore.observe.tracing.consumer_spans import Consumers, LateSpan
from queuecore.observe.tracing.context import TraceTexts, derive_unsampled_root
from queuecore.observe.tracing.ids import TraceIds
from queuecore.observe.tracing.names import SCOPE
from queuecore.observe.tracing.setup import Tracing

SENDER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
RANDOM_SENDER = SENDER[:-2] + "03"
NOWHERE = TraceTexts()


class Bench:
    """The SDK, and spans that arrive at an exporter at once."""

    def __init__(self) -> None:
        self.ids = TraceIds()
        self.provider = TracerProvider(id_generator=self.ids, shutdown_on_exit=False)
        self.exporter = InMemorySpanExporter()
        processor = SimpleSpanProcessor(self.exporter)
        self.provider.add_span_processor(processor)
        self.tracer = self.provider.get_tracer(SCOPE, version("queuecore"))
        self.consumers = Consumers(self.provider, self.tracer, self.ids, processor.on_end)

    def exported(self) -> ReadableSpan:
        (span,) = self.exporter.get_finished_spans()
        return span


@pytest.fixture
def bench() -> Bench:
    return Bench()


def place(span: ReadableSpan) -> SpanContext:
    context = span.get_span_context()
    assert context is not None
    return context


def told(span: ReadableSpan) -> Any:
    """What a collector is told, but for what is another each time."""
    request = encode_spans([span])
    (encoded,) = request.resource_spans[0].scope_spans[0].spans
    assert encoded.span_id != bytes(8)
    assert encoded.trace_id != bytes(16)
    assert encoded.end_time_unix_nano >= encoded.start_time_unix_nano > 0
    encoded.ClearField("span_id")
    encoded.ClearField("start_time_unix_nano")
    encoded.ClearField("end_time_unix_nano")
    if not encoded.parent_span_id:
        encoded.ClearField("trace_id")
    return request


@pytest.mark.parametrize(
    "origin",
    [
        NOWHERE,
        TraceTexts(SENDER),
        TraceTexts(SENDER, "vendor=a,other=b"),
        TraceTexts(RANDOM_SENDER),
        TraceTexts("not one at all"),
    ],
)
def test_collector_is_told_the_same_as_of_a_span_of_the_sdk(origin: TraceTexts) -> None:
    late, made = Bench(), Bench()
    begun = late.consumers.begin("process mail", origin, {"one": 1, "text": "a"})
    begun.set_attribute("outcome", "completed")
    begun.end()
    span = made.consumers.start("process mail", origin, {"one": 1, "text": "a"}, 1)
    span.set_attribute("outcome", "completed")
    span.end()
    assert told(late.exported()) == told(made.exported())
    assert place(late.exported()).trace_flags == place(made.exported()).trace_flags


@pytest.mark.parametrize("origin", [NOWHERE, TraceTexts(SENDER)])
def test_who_asks_for_the_span_is_told_what_arrives(bench: Bench, origin: TraceTexts) -> None:
    span = bench.consumers.begin("process mail", origin, {"before": 1})
    trace_id = span.trace_id
    bench.ids.generate_trace_id()
    asked = span.get_span_context()
    span.set_attribute("after", 2)
    span.end()
    assert place(bench.exported()) == asked
    assert f"{asked.trace_id:032x}" == trace_id
    assert bench.exported().attributes == {"before": 1, "after": 2}


def test_span_that_nobody_asked_for_keeps_its_trace(bench: Bench) -> None:
    span = bench.consumers.begin("process mail", NOWHERE, {})
    other = bench.consumers.begin("process mail", NOWHERE, {})
    span.end()
    assert f"{place(bench.exported()).trace_id:032x}" == span.trace_id != other.trace_id


@pytest.mark.parametrize(
    "add",
    [
        lambda span: span.set_attributes({"more": "b"}),
        lambda span: span.add_event("happened", {"more": "b"}, 5),
        lambda span: span.add_link(SpanContext(1, 2, is_remote=True), {"more": "b"}),
        lambda span: span.update_name("other"),
        lambda span: span.set_status(StatusCode.ERROR, "went wrong"),
        lambda span: span.record_exception(ValueError("no"), {"more": "b"}, 5),
    ],
    ids=["set_attributes", "add_event", "add_link", "update_name", "set_status", "record_exception"],
)
def test_what_is_added_arrives(add: Callable[[Any], None]) -> None:
    late, made = Bench(), Bench()
    for span in (
        late.consumers.begin("process mail", TraceTexts(SENDER), {"one": 1}),
        made.consumers.start("process mail", TraceTexts(SENDER), {"one": 1}, 1),
    ):
        add(span)
        span.end()
    assert told(late.exported()) == told(made.exported())


@pytest.mark.parametrize("asked", [False, True])
def test_span_lasts_from_its_beginning_to_its_end(bench: Bench, asked: bool) -> None:
    span = bench.consumers.begin("process mail", NOWHERE, {})
    if asked:
        span.get_span_context()
    span.end(2**62)
    ended = bench.exported()
    assert ended.start_time is not None
    assert 10**18 < ended.start_time < 2**62
    assert ended.end_time == 2**62


def test_after_its_end_a_span_takes_no_more(bench: Bench) -> None:
    span = bench.consumers.begin("process mail", TraceTexts(SENDER), {})
    assert span.is_recording()
    span.end()
    assert not span.is_recording()
    span.set_attribute("late", 1)
    span.add_event("late")
    span.end()
    assert bench.exported().attributes == {}
    assert span.get_span_context() == place(bench.exported())


def test_limits_of_the_variables_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "1")
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "3")
    bench = Bench()
    bench.consumers.begin("process mail", NOWHERE, {"first": "abcde", "second": "abcde"}).end()
    span = bench.exported()
    assert (span.attributes, span.dropped_attributes) == ({"second": "abc"}, 1)


def test_trace_ids_decide_where_parents_do_not(bench: Bench) -> None:
    sampler = TraceIdRatioBased(0.3)
    tracing = Tracing(
        bench.provider, bench.tracer, bench.consumers, bench.ids, obeys_parent=False, kept_below=sampler.bound
    )
    source = random.Random(5)
    traces = [source.getrandbits(128) for _ in range(200)]
    kept = [tracing.keeps(f"00-{trace:032x}-b7ad6b7169203331-{source.choice(['00', '01'])}") for trace in traces]
    assert kept == [
        sampler.should_sample(None, trace, "any").decision is Decision.RECORD_AND_SAMPLE for trace in traces
    ]
    assert set(kept) == {True, False}


def test_same_attempt_has_the_same_place_and_it_is_not_kept() -> None:
    bound = TraceIdRatioBased(0.99).bound
    places = [derive_unsampled_root(f"mail {number}", bound) for number in range(100)]
    assert places == [derive_unsampled_root(f"mail {number}", bound) for number in range(100)]
    assert len({place.trace_id for place in places} | {place.span_id for place in places}) == 200
    for found in places:
        assert found.is_valid
        assert not found.trace_flags.sampled
        assert bound <= found.trace_id & (1 << 64) - 1 < 1 << 64


def test_threads_that_ask_at_once_are_told_of_one_span(bench: Bench) -> None:
    for _ in range(50):
        span = bench.consumers.begin("process mail", NOWHERE, {})
        together = threading.Barrier(4)

        def ask(span: LateSpan = span, together: threading.Barrier = together) -> int:
            together.wait(10)
            return span.get_span_context().span_id

        with ThreadPoolExecutor(4) as threads:
            asked = {each.result() for each in [threads.submit(ask) for _ in range(4)]}
        span.end()
        assert asked == {place(bench.exported()).span_id}
        bench.exporter.clear()
