"""Metrics sources: the API's own metrics, or a Prometheus server that scrapes them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import Protocol

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from queuecontroller.errors import MetricsImplausible, MetricsMissing
from queuecontroller.metrics.http import EndpointClient
from queuecontroller.metrics.samples import REQUIRED_SERIES, Sample, read_queues
from queuecontroller.plan.reading import Reading
from queuecontroller.plan.spec import MetricsRef
from queuecore.observe.metrics.definitions import QUEUE_TASKS


class MetricsSource(Protocol):
    """Reads queue metrics."""

    async def read(self) -> Reading:
        """The metrics of all queues now.

        Raises:
            ReadingFailed: they are unavailable, stale or implausible.
        """


class ApiMetrics:
    """The ``/metrics`` of an API. Any replica may answer: queue metrics come from the shared store.

    Args:
        endpoints: sends the requests.
        url: URL of the metrics.
        timeout_s: limit of the request, in seconds.
        clock: returns Unix seconds.
    """

    def __init__(
        self, endpoints: EndpointClient, url: str, timeout_s: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._endpoints = endpoints
        self._url = url
        self._timeout_s = timeout_s
        self._clock = clock

    async def read(self) -> Reading:
        """The metrics of all queues now."""
        body = await self._endpoints.get(self._url, self._timeout_s)
        try:
            samples = list(_parse(body.decode()))
        except ValueError as error:
            raise MetricsImplausible(f"{self._url} is not in the Prometheus text format: {error}") from None
        return read_queues(samples, self._clock())


class _Series(msgspec.Struct, frozen=True):
    metric: dict[str, str]
    value: tuple[float, str]


class _Vector(msgspec.Struct, frozen=True):
    result: list[_Series]


class _QueryResponse(msgspec.Struct, frozen=True):
    data: _Vector


class PrometheusMetrics:
    """A Prometheus server that scrapes the API.

    Every replica of the API exports the same queue metrics, so the value of a series is the maximum over replicas, not
    the sum.

    Args:
        endpoints: sends the requests.
        metrics: the server, the label selector and the greatest age of samples.
        clock: returns Unix seconds.
    """

    def __init__(self, endpoints: EndpointClient, metrics: MetricsRef, clock: Callable[[], float] = time.time) -> None:
        if metrics.prometheus is None:
            raise ValueError("the pool names no Prometheus")
        self._endpoints = endpoints
        self._url = f"{metrics.prometheus.url.rstrip('/')}/api/v1/query"
        self._timeout_s = metrics.timeout
        self._stale_after_s = metrics.stale_after
        self._clock = clock
        selector = metrics.prometheus.selector.strip(" ,")
        names = f'__name__=~"{"|".join(REQUIRED_SERIES)}"'
        keys = "__name__, queue, state, within, type, outcome, le"
        self._values = f"max by ({keys}) ({{{','.join(filter(None, [names, selector]))}}})"
        # One metric only: max() drops the name, so series of several metrics would be duplicates.
        self._newest = f"max(timestamp({QUEUE_TASKS.name}{{{selector}}}))"

    async def read(self) -> Reading:
        """The metrics of all queues at the last scrape."""
        newest = await self._query(self._newest)
        if not newest:
            raise MetricsMissing(f"{self._url} has no samples of queues")
        scraped_at_s = float(newest[0].value[1])
        age_s = self._clock() - scraped_at_s
        if math.isnan(age_s) or age_s > self._stale_after_s:
            raise MetricsMissing(f"the newest samples of {self._url} are {age_s:.0f} s old")
        series = await self._query(self._values)
        return read_queues((_sample(each) for each in series), scraped_at_s)

    async def _query(self, expression: str) -> list[_Series]:
        body = await self._endpoints.get(self._url, self._timeout_s, {"query": expression})
        try:
            return msgspec.json.decode(body, type=_QueryResponse).data.result
        except msgspec.DecodeError as error:
            raise MetricsImplausible(f"{self._url} is no Prometheus query response: {error}") from None


def make_source(endpoints: EndpointClient, metrics: MetricsRef) -> MetricsSource:
    """The source that a pool's spec names."""
    if metrics.endpoint is not None:
        return ApiMetrics(endpoints, metrics.endpoint, metrics.timeout)
    return PrometheusMetrics(endpoints, metrics)


def _parse(text: str) -> Iterator[Sample]:
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            yield Sample(sample.name, sample.labels, sample.value)


def _sample(series: _Series) -> Sample:
    labels = dict(series.metric)
    name = labels.pop("__name__", "")
    try:
        return Sample(name, labels, float(series.value[1]))
    except ValueError:
        raise MetricsImplausible(f"{name} is {series.value[1]!r}") from None
