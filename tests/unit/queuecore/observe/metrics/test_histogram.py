from __future__ import annotations

import pytest
from opentelemetry import trace
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import Sample
from prometheus_client.openmetrics.exposition import generate_latest as generate_open_metrics

from queuecore.observe.metrics.definitions import STORE_CALL_DURATION, HistogramDefinition
from queuecore.observe.metrics.histogram import DurationHistogram, StoreCalls, current_trace_id

WORK = HistogramDefinition("work_seconds", "How long work took.", "seconds", ("kind",), buckets_s=(0.1, 1, 10))


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def samples(registry: CollectorRegistry) -> list[Sample]:
    return [sample for family in registry.collect() for sample in family.samples]


def test_histogram_has_running_sums_when_it_is_collected(registry: CollectorRegistry) -> None:
    histogram = DurationHistogram(WORK, registry)
    for seconds in (0.05, 0.1, 0.5, 100):
        histogram.note(("a",), seconds)
    histogram.note(("b",), 2)

    found = {
        (each.name.removeprefix("work_seconds_"), each.labels["kind"], each.labels.get("le")): each.value
        for each in samples(registry)
    }
    buckets = {le: found["bucket", "a", le] for le in ("0.1", "1.0", "10.0", "+Inf")}
    assert buckets == {"0.1": 2, "1.0": 3, "10.0": 3, "+Inf": 4}
    assert found["sum", "a", None] == pytest.approx(100.65)
    assert found["count", "a", None] == 4
    assert found["count", "b", None] == 1


def test_histogram_names_its_labels_when_it_is_collected(registry: CollectorRegistry) -> None:
    histogram = DurationHistogram(WORK, registry, labels=lambda key: (key[0].upper(),))
    histogram.note(("a",), 1)
    assert {each.labels["kind"] for each in samples(registry)} == {"A"}


def test_histogram_shows_the_latest_trace_of_each_bucket_in_open_metrics_alone(registry: CollectorRegistry) -> None:
    histogram = DurationHistogram(WORK, registry)
    for seconds, trace_id in ((0.05, "first"), (0.06, "second"), (5, "slow"), (0.07, None)):
        histogram.note(("a",), seconds, trace_id)

    shown = [
        (each.labels["le"], each.exemplar.labels["trace_id"], each.exemplar.value)
        for each in samples(registry)
        if each.exemplar
    ]
    assert shown == [("0.1", "second", 0.06), ("10.0", "slow", 5)]
    assert b'# {trace_id="slow"} 5' in generate_open_metrics(registry)  # type: ignore[no-untyped-call]
    assert b"slow" not in generate_latest(registry)


def test_store_calls_are_counted_with_those_that_failed(registry: CollectorRegistry) -> None:
    calls = StoreCalls(registry)
    assert registry.get_sample_value(f"{STORE_CALL_DURATION.name}_count") == 0
    calls.note(0.001, True)
    calls.note(2, False)
    assert registry.get_sample_value(f"{STORE_CALL_DURATION.name}_count") == 2
    assert registry.get_sample_value("taskyard_store_call_failures_total") == 1


def test_current_trace_id_is_none_when_the_trace_is_not_sampled() -> None:
    assert current_trace_id() is None
    for flags, expected in ((0, None), (1, f"{0xA:032x}")):
        place = trace.SpanContext(0xA, 0xB, is_remote=True, trace_flags=trace.TraceFlags(flags))
        with trace.use_span(trace.NonRecordingSpan(place)):
            assert current_trace_id() == expected
