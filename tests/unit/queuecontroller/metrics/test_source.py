from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest

from queuecontroller.errors import MetricsImplausible, MetricsMissing, ReadingFailed
from queuecontroller.metrics.http import MAX_BODY_BYTES, MAX_TEXT_BYTES, EndpointClient
from queuecontroller.metrics.source import ApiMetrics, PrometheusMetrics, make_source
from queuecontroller.metrics.workers import read_running, workers_url
from queuecontroller.plan.spec import MetricsRef, PrometheusRef, Seconds

URL = "http://api:8080/metrics"
NOW_S = 1_800_000_000.0
QUEUES = ("default", "a.b")
TEXT = """
# TYPE taskyard_queue_tasks gauge
taskyard_queue_tasks{queue="default",state="pending"} 7
taskyard_queue_tasks{queue="default",state="active"} 2
# TYPE taskyard_tasks_processed counter
taskyard_tasks_processed_total{queue="default",type="demo",outcome="completed"} 40
taskyard_queue_tasks{queue="of another pool",state="active"} NaN
process_cpu_seconds_total 1.5
"""
PROMETHEUS = MetricsRef(
    prometheus=PrometheusRef(url="http://prometheus:9090/", selector='namespace="taskyard"'),
    workers_endpoint="http://api:8080/api/v1/workers",
)

Answer = Callable[[httpx.Request], httpx.Response]


def endpoints(answer: Answer) -> EndpointClient:
    return EndpointClient(httpx.AsyncClient(transport=httpx.MockTransport(answer)))


def always(status: int = 200, text: str = "", **headers: str) -> EndpointClient:
    return endpoints(lambda _: httpx.Response(status, text=text, headers=headers))


class Prometheus:
    """Answers queries like a Prometheus server that scrapes two replicas of the API."""

    def __init__(self, age_s: float = 10, series: list[dict[str, Any]] | None = None) -> None:
        self.queries: list[str] = []
        self._age_s = age_s
        self._series = series

    def __call__(self, request: httpx.Request) -> httpx.Response:
        query = request.url.params["query"]
        self.queries.append(query)
        if query.startswith("max(timestamp("):
            result = [] if self._series == [] else [{"metric": {}, "value": [NOW_S, str(NOW_S - self._age_s)]}]
        else:
            result = self._series if self._series is not None else [pending("7"), active("2")]
        return httpx.Response(200, json={"status": "success", "data": {"resultType": "vector", "result": result}})


def pending(value: str) -> dict[str, Any]:
    return {
        "metric": {"__name__": "taskyard_queue_tasks", "queue": "default", "state": "pending"},
        "value": [NOW_S, value],
    }


def active(value: str) -> dict[str, Any]:
    return {
        "metric": {"__name__": "taskyard_queue_tasks", "queue": "default", "state": "active"},
        "value": [NOW_S, value],
    }


async def test_api_metrics_are_read_when_the_response_is_valid() -> None:
    reading = await ApiMetrics(always(text=TEXT), URL, 1, QUEUES, lambda: NOW_S).read()

    assert reading.at_s == NOW_S
    assert reading.queue("default").pending == 7
    assert reading.queue("default").ended == {("demo", "completed"): 40}


@pytest.mark.parametrize(
    ("status", "text", "error", "message"),
    [
        (500, "", ReadingFailed, "answered 500"),
        (302, "", ReadingFailed, "answered 302"),
        (200, "<html>", MetricsImplausible, "is not in the Prometheus text format"),
        (200, 'taskyard_queue_tasks{queue="default"', MetricsImplausible, "is not in the Prometheus text format"),
        (200, "", MetricsMissing, "there are no taskyard_queue_tasks"),
    ],
)
async def test_api_metrics_are_rejected_when_the_response_is_unusable(
    status: int, text: str, error: type[ReadingFailed], message: str
) -> None:
    with pytest.raises(error) as refused:
        await ApiMetrics(always(status, text, Location="http://elsewhere"), URL, 1, QUEUES).read()

    assert message in str(refused.value)


async def test_api_metrics_are_rejected_when_the_response_is_slow() -> None:
    async def drip() -> AsyncIterator[bytes]:
        while True:
            yield b"# a comment\n"
            await asyncio.sleep(0.005)

    slow = endpoints(lambda _: httpx.Response(200, content=drip()))

    with pytest.raises(ReadingFailed) as refused:
        await ApiMetrics(slow, URL, 0.05, QUEUES).read()

    assert "did not answer within 0.05 s" in str(refused.value)


async def test_api_metrics_are_rejected_when_the_response_is_too_large() -> None:
    async def flood() -> AsyncIterator[bytes]:
        for _ in range(2 + MAX_TEXT_BYTES // 2**20):
            yield b"#\n" * 2**19

    with pytest.raises(ReadingFailed) as refused:
        await ApiMetrics(endpoints(lambda _: httpx.Response(200, content=flood())), URL, 5, QUEUES).read()

    assert "answered more than" in str(refused.value)


async def test_workers_are_rejected_when_the_response_is_too_large() -> None:
    with pytest.raises(ReadingFailed, match="answered more than"):
        await read_running(always(text=" " * (MAX_BODY_BYTES + 1)), MetricsRef(endpoint=URL))


async def test_api_metrics_are_rejected_when_the_body_is_compressed() -> None:
    bomb = endpoints(lambda _: httpx.Response(200, stream=httpx.ByteStream(b""), headers={"Content-Encoding": "gzip"}))

    with pytest.raises(ReadingFailed, match="compressed"):
        await ApiMetrics(bomb, URL, 1, QUEUES).read()


async def test_api_metrics_are_empty_when_a_queue_has_no_samples_yet() -> None:
    reading = await ApiMetrics(always(text=TEXT), URL, 1, ["new"], lambda: NOW_S).read()

    assert reading.queues == {}


async def test_api_metrics_are_rejected_when_the_connection_is_refused() -> None:
    def refuse(_: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("") from ConnectionRefusedError(111, "Connection refused")

    with pytest.raises(ReadingFailed, match="Connection refused"):
        await ApiMetrics(endpoints(refuse), URL, 1, QUEUES).read()


async def test_prometheus_is_read_without_counting_replicas_twice() -> None:
    prometheus = Prometheus()

    reading = await PrometheusMetrics(endpoints(prometheus), PROMETHEUS, QUEUES, lambda: NOW_S).read()

    assert reading.at_s == NOW_S - 10
    assert (reading.queue("default").pending, reading.queue("default").active) == (7, 2)
    newest, values = prometheus.queries
    assert values.startswith("max by (__name__, queue, state, within, type, outcome, le) (")
    assert "sum by" not in values
    assert r'queue=~"default|a\\.b"' in values
    assert 'namespace="taskyard"' in newest
    assert 'namespace="taskyard"' in values


@pytest.mark.parametrize(
    ("prometheus", "error", "message"),
    [
        (Prometheus(age_s=61), MetricsMissing, "are 61 s old"),
        (Prometheus(age_s=float("nan")), MetricsMissing, "are nan s old"),
        (Prometheus(series=[]), MetricsMissing, "has no samples of queues"),
        (Prometheus(series=[pending("NaN"), active("1")]), MetricsImplausible, "nan"),
        (Prometheus(series=[pending("-3"), active("1")]), MetricsImplausible, "-3"),
        (Prometheus(series=[pending("+Inf"), active("1")]), MetricsImplausible, "inf"),
        (Prometheus(series=[pending("seven"), active("1")]), MetricsImplausible, "is no number"),
        (Prometheus(series=[pending("7")]), MetricsMissing, "lacks the pending or active tasks of queue default"),
    ],
)
async def test_prometheus_is_rejected_when_its_response_is_unusable(
    prometheus: Prometheus, error: type[ReadingFailed], message: str
) -> None:
    with pytest.raises(error) as refused:
        await PrometheusMetrics(endpoints(prometheus), PROMETHEUS, QUEUES, lambda: NOW_S).read()

    assert message in str(refused.value)


async def test_prometheus_is_rejected_when_it_is_another_server() -> None:
    with pytest.raises(MetricsImplausible, match="is no Prometheus query response"):
        await PrometheusMetrics(always(text="[]"), PROMETHEUS, QUEUES).read()


def test_source_is_the_one_that_the_pool_names() -> None:
    named = always()

    assert isinstance(make_source(named, MetricsRef(endpoint=URL), QUEUES), ApiMetrics)
    assert isinstance(make_source(named, PROMETHEUS, QUEUES), PrometheusMetrics)


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        (MetricsRef(endpoint=URL), "http://api:8080/api/v1/workers"),
        (MetricsRef(endpoint="https://proxy/taskyard/metrics/"), "https://proxy/taskyard/api/v1/workers"),
        (MetricsRef(endpoint=URL, workers_endpoint="http://other/w"), "http://other/w"),
        (PROMETHEUS, "http://api:8080/api/v1/workers"),
    ],
)
def test_workers_are_listed_beside_the_metrics(metrics: MetricsRef, expected: str) -> None:
    assert workers_url(metrics) == expected


async def test_running_tasks_are_added_up_when_a_pod_has_several_workers() -> None:
    workers = [{"pod": "a", "busy": 1}, {"pod": "b", "busy": 0}, {"pod": "a", "busy": 4, "slots": 10}]

    assert await read_running(always(text=json.dumps(workers)), MetricsRef(endpoint=URL)) == {"a": 5, "b": 0}


@pytest.mark.parametrize("text", ["", "{}", '[{"pod": "a"}]', '[{"pod": "a", "busy": -1}]'])
async def test_running_tasks_are_rejected_when_the_list_is_invalid(text: str) -> None:
    with pytest.raises(MetricsImplausible):
        await read_running(always(text=text), MetricsRef(endpoint=URL, timeout=Seconds(1)))


async def test_running_tasks_are_missing_when_no_workers_endpoint_is_set() -> None:
    nowhere = MetricsRef(prometheus=PrometheusRef(url="http://prometheus:9090"))

    with pytest.raises(MetricsMissing, match="workersEndpoint is not set"):
        await read_running(always(), nowhere)
