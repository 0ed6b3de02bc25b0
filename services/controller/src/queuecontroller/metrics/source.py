"""Where a pool's queues are read: the api itself, or a Prometheus that scrapes it."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from typing import Protocol

import msgspec
from prometheus_client.parser import text_string_to_metric_families

from queuecontroller.errors import MetricsImplausible, MetricsMissing
from queuecontroller.metrics.http import Endpoints
from queuecontroller.metrics.samples import NEEDED, Sample, read_queues
from queuecontroller.plan.meter import Reading
from queuecontroller.plan.spec import MetricsRef
from queuecore.observe.metrics.definitions import QUEUE_TASKS


class MetricsSource(Protocol):
    """Reads the queues."""

    async def read(self) -> Reading:
        """The state of all queues now.

        Raises:
            ReadingFailed: it cannot be had or relied on.
        """


class ApiMetrics:
    """The ``/metrics`` of an api. Whichever replica answers: what it tells of queues is kept in the store.

    Args:
        endpoints: sends the requests.
        url: the metrics.
        timeout_s: how long an answer may take.
        clock: Unix seconds.
    """

    def __init__(
        self, endpoints: Endpoints, url: str, timeout_s: float, clock: Callable[[], float] = time.time
    ) -> None:
        self._endpoints = endpoints
        self._url = url
        self._timeout_s = timeout_s
        self._clock = clock

    async def read(self) -> Reading:
        """The state of all queues now."""
        body = await self._endpoints.get(self._url, self._timeout_s)
        try:
            samples = list(_parse(body.decode()))
        except ValueError as error:
            raise MetricsImplausible(f"{self._url} does not answer in Prometheus's text format: {error}") from None
        return read_queues(samples, self._clock())


class _Series(msgspec.Struct, frozen=True):
    metric: dict[str, str]
    value: tuple[float, str]


class _Vector(msgspec.Struct, frozen=True):
    result: list[_Series]


class _QueryAnswer(msgspec.Struct, frozen=True):
    data: _Vector


class PrometheusMetrics:
    """A Prometheus server that scrapes the api.

    Every replica of the api tells the same of the queues, so a series is the greatest of its copies, never their sum.

    Args:
        endpoints: sends the requests.
        metrics: the server, and how old its samples may be.
        clock: Unix seconds.
    """

    def __init__(self, endpoints: Endpoints, metrics: MetricsRef, clock: Callable[[], float] = time.time) -> None:
        if metrics.prometheus is None:
            raise ValueError("the pool names no Prometheus")
        self._endpoints = endpoints
        self._url = f"{metrics.prometheus.url.rstrip('/')}/api/v1/query"
        self._timeout_s = metrics.timeout
        self._stale_after_s = metrics.stale_after
        self._clock = clock
        selector = metrics.prometheus.selector.strip(" ,")
        names = f'__name__=~"{"|".join(NEEDED)}"'
        keys = "__name__, queue, state, within, type, outcome, le"
        self._values = f"max by ({keys}) ({{{','.join(filter(None, [names, selector]))}}})"
        # Of one metric only: without their names, series of several would be the same.
        self._newest = f"max(timestamp({QUEUE_TASKS.name}{{{selector}}}))"

    async def read(self) -> Reading:
        """The state of all queues at the last scrape."""
        newest = await self._query(self._newest)
        if not newest:
            raise MetricsMissing(f"{self._url} knows no queue")
        scraped_at_s = float(newest[0].value[1])
        age_s = self._clock() - scraped_at_s
        if math.isnan(age_s) or age_s > self._stale_after_s:
            raise MetricsMissing(f"the newest samples of {self._url} are {age_s:.0f} s old")
        series = await self._query(self._values)
        return read_queues((_sample(each) for each in series), scraped_at_s)

    async def _query(self, expression: str) -> list[_Series]:
        body = await self._endpoints.get(self._url, self._timeout_s, {"query": expression})
        try:
            return msgspec.json.decode(body, type=_QueryAnswer).data.result
        except msgspec.DecodeError as error:
            raise MetricsImplausible(f"{self._url} does not answer as Prometheus does: {error}") from None


def make_source(endpoints: Endpoints, metrics: MetricsRef) -> MetricsSource:
    """The source that a pool names."""
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
