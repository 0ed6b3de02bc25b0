from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Decision, ParentBased, Sampler, TraceIdRatioBased
from opentelemetry.trace import SpanContext, StatusCode

from queuecore.observe.tracing.context import TraceTexts, read_context
from queuecore.observe.tracing.shortcuts import LateSpan, Sampling, TraceIds, find_unsampled, start_consumer_span
from tests.unit.queuecore.observe.tracing.bench import SENDER, UNSAMPLED, Bench

RANDOM_SENDER = SENDER[:-2] + "03"
NOWHERE = TraceTexts()


@pytest.fixture
def bench() -> Bench:
    return Bench()


def place(span: ReadableSpan) -> SpanContext:
    context = span.get_span_context()
    assert context is not None
    return context


def received(span: ReadableSpan) -> Any:
    """The span as a collector receives it, without ids and times that differ each time."""
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
def test_collector_receives_the_same_as_from_the_sdk_when_a_late_span_ends(origin: TraceTexts) -> None:
    late, made = Bench(), Bench()
    begun = late.begin("process mail", origin, {"one": 1, "text": "a"})
    begun.set_attribute("outcome", "completed")
    begun.end()
    span = start_consumer_span(made.sdk, "process mail", origin, {"one": 1, "text": "a"}, 1)
    span.set_attribute("outcome", "completed")
    span.end()
    assert received(late.exported()) == received(made.exported())
    assert place(late.exported()).trace_flags == place(made.exported()).trace_flags


@pytest.mark.parametrize("origin", [NOWHERE, TraceTexts(SENDER)])
def test_late_span_has_the_ids_that_arrive_when_its_context_is_read(bench: Bench, origin: TraceTexts) -> None:
    span = bench.begin("process mail", origin, {"before": 1})
    trace_id = span.trace_id
    bench.ids.generate_trace_id()
    asked = span.get_span_context()
    span.set_attribute("after", 2)
    span.end()
    assert place(bench.exported()) == asked
    assert f"{asked.trace_id:032x}" == trace_id
    assert bench.exported().attributes == {"before": 1, "after": 2}


def test_late_span_keeps_its_trace_when_its_context_is_not_read(bench: Bench) -> None:
    span = bench.begin("process mail", NOWHERE, {})
    other = bench.begin("process mail", NOWHERE, {})
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
def test_collector_receives_the_same_as_from_the_sdk_when_more_is_added(
    add: Callable[[Any], None],
) -> None:
    late, made = Bench(), Bench()
    for span in (
        late.begin("process mail", TraceTexts(SENDER), {"one": 1}),
        start_consumer_span(made.sdk, "process mail", TraceTexts(SENDER), {"one": 1}, 1),
    ):
        add(span)
        span.end()
    assert received(late.exported()) == received(made.exported())


@pytest.mark.parametrize("asked", [False, True])
def test_late_span_has_its_start_and_its_end_when_it_is_exported(bench: Bench, asked: bool) -> None:
    span = bench.begin("process mail", NOWHERE, {})
    if asked:
        span.get_span_context()
    span.end(2**62)
    ended = bench.exported()
    assert ended.start_time is not None
    assert 10**18 < ended.start_time < 2**62
    assert ended.end_time == 2**62


def test_late_span_ignores_additions_when_it_has_ended(bench: Bench) -> None:
    span = bench.begin("process mail", TraceTexts(SENDER), {})
    assert span.is_recording()
    span.end()
    assert not span.is_recording()
    span.set_attribute("late", 1)
    span.add_event("late")
    span.end()
    assert bench.exported().attributes == {}
    assert span.get_span_context() == place(bench.exported())


def test_late_span_is_limited_when_the_variables_set_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "1")
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "3")
    bench = Bench()
    bench.begin("process mail", NOWHERE, {"first": "abcde", "second": "abcde"}).end()
    span = bench.exported()
    assert (span.attributes, span.dropped_attributes) == ({"second": "abc"}, 1)


@pytest.mark.parametrize(
    ("sampler", "obeys_parent", "kept_below"),
    [
        (TraceIdRatioBased(0.3), False, TraceIdRatioBased(0.3).bound),
        (ParentBased(TraceIdRatioBased(0.3)), True, TraceIdRatioBased(0.3).bound),
        (ALWAYS_ON, False, None),
        (ParentBased(ALWAYS_ON), True, None),
        (ALWAYS_OFF, False, 0),
        (ParentBased(ALWAYS_OFF), True, 0),
    ],
    ids=lambda each: each.get_description() if isinstance(each, Sampler) else None,
)
def test_sampling_decides_as_the_sdk_when_work_has_a_sender(
    sampler: Sampler, obeys_parent: bool, kept_below: int | None
) -> None:
    sampling = Sampling(TraceIds(), obeys_parent=obeys_parent, kept_below=kept_below)
    source = random.Random(5)
    for _ in range(200):
        trace_id = source.getrandbits(128)
        sender = f"00-{trace_id:032x}-b7ad6b7169203331-{source.choice(['00', '01', '02', '03'])}"
        expected = sampler.should_sample(read_context(TraceTexts(sender)), trace_id, "any").decision
        assert sampling.keeps(sender) == (expected is Decision.RECORD_AND_SAMPLE)


def test_sampling_draws_an_id_that_the_sdk_keeps_when_a_new_trace_is_kept() -> None:
    sampler, ids = TraceIdRatioBased(0.3), TraceIds()
    sampling = Sampling(ids, obeys_parent=True, kept_below=sampler.bound)
    kept = 0
    for _ in range(2_000):
        if sampling.keeps(None):
            kept += 1
            decision = sampler.should_sample(None, ids.generate_trace_id(), "any").decision
            assert decision is Decision.RECORD_AND_SAMPLE
    assert 450 < kept < 750


def test_unsampled_root_is_stable_and_not_kept_when_its_seed_is_the_same() -> None:
    bound = TraceIdRatioBased(0.99).bound
    seeds = [random.Random(number).getrandbits(192) for number in range(100)]
    places = [find_unsampled(NOWHERE, seed, bound) for seed in seeds]
    assert places == [find_unsampled(NOWHERE, seed, bound) for seed in seeds]
    assert len({place.trace_id for place in places} | {place.span_id for place in places}) == 200
    for found in places:
        assert found.is_valid
        assert not found.trace_flags.sampled
        assert bound <= found.trace_id & (1 << 64) - 1 < 1 << 64


@pytest.mark.parametrize("sender", [TraceTexts(UNSAMPLED, "vendor=a"), TraceTexts("not one at all")])
def test_unsampled_span_is_the_one_of_the_sdk_when_there_is_a_sender(sender: TraceTexts) -> None:
    expected = trace.get_current_span(read_context(sender)).get_span_context()
    assert find_unsampled(sender, 0, 0) == expected


def test_late_span_is_made_once_when_threads_read_it_at_once(bench: Bench) -> None:
    for _ in range(50):
        span = bench.begin("process mail", NOWHERE, {})
        together = threading.Barrier(4)

        def ask(span: LateSpan = span, together: threading.Barrier = together) -> int:
            together.wait(10)
            return span.get_span_context().span_id

        with ThreadPoolExecutor(4) as threads:
            asked = {each.result() for each in [threads.submit(ask) for _ in range(4)]}
        span.end()
        assert asked == {place(bench.exported()).span_id}
        bench.exporter.clear()
