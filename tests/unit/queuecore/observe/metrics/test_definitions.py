import re

import pytest
from prometheus_client import CollectorRegistry, enable_created_metrics, generate_latest

from queuecore.domain.state import TaskState
from queuecore.observe.metrics.definitions import (
    HTTP_REQUESTS,
    OF_PROCESS,
    QUEUE_TASKS,
    SCHEDULER_LATENESS,
    STORED,
    TASK_DURATION,
    TASKS_PROCESSED,
    CounterDefinition,
    Definition,
    HistogramDefinition,
    register_process,
)

ALL = (*STORED, *OF_PROCESS)
BOUNDED_LABELS = {
    *("queue", "type", "state", "outcome", "reason", "route", "method", "status", "within", "service", "version")
}
POOL_LABELS = {"namespace", "pool", "action", "reason"}


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


def test_metric_names_are_each_used_once() -> None:
    names = [each.name for each in ALL]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)
def test_metric_name_follows_the_rules(metric: Definition) -> None:
    assert re.fullmatch(r"taskyard_[a-z]+(_[a-z]+)+", metric.name)
    assert metric.name.endswith("_total") == isinstance(metric, CounterDefinition)
    assert metric.name.endswith("_seconds") == (metric.unit == "seconds")
    assert not isinstance(metric, HistogramDefinition) or metric.unit == "seconds"


@pytest.mark.parametrize("metric", ALL, ids=lambda metric: metric.name)
def test_metric_is_described_and_its_labels_are_bounded(metric: Definition) -> None:
    assert metric.meaning.endswith(".")
    assert metric.unit
    assert set(metric.labels) <= (POOL_LABELS if metric.name.startswith("taskyard_workerpool_") else BOUNDED_LABELS)


@pytest.mark.parametrize("metric", OF_PROCESS, ids=lambda metric: metric.name)
def test_metric_is_exposed_under_its_name_when_built(
    metric: CounterDefinition | HistogramDefinition, registry: CollectorRegistry
) -> None:
    built = metric.build(registry)
    if metric.labels:
        built.labels(*("x" for _ in metric.labels))
    assert f"# TYPE {metric.name} " in generate_latest(registry).decode()


@pytest.mark.parametrize("metric", [each for each in OF_PROCESS if isinstance(each, HistogramDefinition)])
def test_buckets_rise_when_a_process_keeps_the_histogram(metric: HistogramDefinition) -> None:
    assert len(metric.buckets_s) >= 10
    assert list(metric.buckets_s) == sorted(set(metric.buckets_s))


def test_counter_counts_by_label_when_built(registry: CollectorRegistry) -> None:
    requests = HTTP_REQUESTS.build(registry)
    requests.labels(route="/live", method="GET", status="200").inc()
    labels = {"route": "/live", "method": "GET", "status": "200"}
    assert registry.get_sample_value("taskyard_http_requests_total", labels) == 1


def test_histogram_has_the_defined_buckets_when_built(registry: CollectorRegistry) -> None:
    SCHEDULER_LATENESS.build(registry).observe(0.0015)
    assert registry.get_sample_value("taskyard_scheduler_lateness_seconds_bucket", {"le": "0.002"}) == 1
    assert registry.get_sample_value("taskyard_scheduler_lateness_seconds_bucket", {"le": "0.001"}) == 0


def test_families_carry_the_defined_names_when_filled() -> None:
    tasks = QUEUE_TASKS.family()
    tasks.add_metric(("default", TaskState.PENDING), 7)
    processed = TASKS_PROCESSED.family()
    processed.add_metric(("default", "demo", "completed"), 3)
    duration = TASK_DURATION.family()
    duration.add_metric(("default", "demo"), buckets=[("0.1", 1), ("+Inf", 2)], sum_value=5)
    samples = {
        (each.name, each.labels.get("le")): each for family in (tasks, processed, duration) for each in family.samples
    }
    assert samples["taskyard_queue_tasks", None].labels == {"queue": "default", "state": "pending"}
    assert samples["taskyard_tasks_processed_total", None].value == 3
    assert samples["taskyard_task_duration_seconds_bucket", "+Inf"].value == 2


def test_process_metrics_are_exposed_when_registered(registry: CollectorRegistry) -> None:
    HTTP_REQUESTS.build(registry).labels("/live", "GET", "200")
    register_process(registry, "worker")
    text = generate_latest(registry).decode()
    enable_created_metrics()  # type: ignore[no-untyped-call]
    assert "_created" not in text
    for name in ("process_resident_memory_bytes", "python_info", "python_gc_collections_total"):
        assert f"# TYPE {name} " in text
    assert re.search(r'^taskyard_build_info\{service="worker",version="[^"]+"\} 1\.0$', text, re.MULTILINE)
