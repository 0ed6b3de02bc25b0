"""Metrics sources: the API's own metrics, or a Prometheus server that scrapes them."""

from __future__ import annotations

import asyncio
import math
import re
import time
from collections.abc import Callable, Collection
from typing import Protocol

import msgspec

from queuecontroller.errors import MetricsImplausible, MetricsMissing
from queuecontroller.metrics.exposition import ExpositionReader
from queuecontroller.metrics.http import EndpointClient, name_endpoint
from queuecontroller.metrics.samples import REQUIRED_SERIES, ReadingBuilder, Sample
from queuecontroller.plan.reading import Reading
from queuecontroller.plan.spec import MetricsRef
from queuecore.observe.metrics.definitions import QUEUE_TASKS

_SAMPLES_PER_TURN = 1000
"""Samples that are converted before other pools get their turn."""


class MetricsSource(Protocol):
    """Reads the metrics of some queues."""

    async def read(self) -> Reading:
        """The metrics of the queues now.

        Raises:
            ReadingFailed: they are unavailable, stale or implausible.
        """


class ApiMetrics:
    """The ``/metrics`` of an API. Any replica may answer: queue metrics come from the shared store.

    Args:
        endpoints: sends the requests.
        url: URL of the metrics.
        timeout_s: limit of the request, in seconds.
        queues: names of the queues.
        clock: returns Unix seconds.
    """

    def __init__(
        self,
        endpoints: EndpointClient,
        url: str,
        timeout_s: float,
        queues: Collection[str],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._endpoints = endpoints
        self._url = url
        self._timeout_s = timeout_s
        self._queues = queues
        self._clock = clock

    async def read(self) -> Reading:
        """The metrics of the queues now."""
        builder = ReadingBuilder()
        reader = ExpositionReader(self._queues, builder.add, name_endpoint(self._url))
        await self._endpoints.stream(self._url, self._timeout_s, reader.feed)
        reader.close()
        if not reader.has_queues:
            raise MetricsMissing(f"there are no {QUEUE_TASKS.name}: the API has no queues, or cannot reach its store")
        return builder.build(self._clock())


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
        queues: names of the queues.
        clock: returns Unix seconds.
    """

    def __init__(
        self,
        endpoints: EndpointClient,
        metrics: MetricsRef,
        queues: Collection[str],
        clock: Callable[[], float] = time.time,
    ) -> None:
        if metrics.prometheus is None:
            raise ValueError("the pool names no Prometheus")
        self._endpoints = endpoints
        self._url = f"{metrics.prometheus.url.rstrip('/')}/api/v1/query"
        self._name = name_endpoint(self._url)
        self._timeout_s = metrics.timeout
        self._stale_after_s = metrics.stale_after
        self._clock = clock
        selector = metrics.prometheus.selector.strip(" ,")
        names = f'__name__=~"{"|".join(REQUIRED_SERIES)}"'
        only = f"queue=~{msgspec.json.encode('|'.join(map(re.escape, queues))).decode()}"
        keys = "__name__, queue, state, within, type, outcome, le"
        self._values = f"max by ({keys}) ({{{','.join(filter(None, [names, only, selector]))}}})"
        # One metric only: max() drops the name, so series of several metrics would be duplicates.
        self._newest = f"max(timestamp({QUEUE_TASKS.name}{{{selector}}}))"

    async def read(self) -> Reading:
        """The metrics of all queues at the last scrape."""
        newest = await self._query(self._newest)
        if not newest:
            raise MetricsMissing(f"{self._name} has no samples of queues")
        scraped_at_s = _sample(newest[0]).value
        age_s = self._clock() - scraped_at_s
        if math.isnan(age_s) or age_s > self._stale_after_s:
            raise MetricsMissing(f"the newest samples of {self._name} are {age_s:.0f} s old")
        series = await self._query(self._values)
        builder = ReadingBuilder()
        for number, each in enumerate(series, start=1):
            builder.add(_sample(each))
            if number % _SAMPLES_PER_TURN == 0:
                await asyncio.sleep(0)
        return builder.build(scraped_at_s)

    async def _query(self, expression: str) -> list[_Series]:
        body = await self._endpoints.get(self._url, self._timeout_s, {"query": expression})
        try:
            return msgspec.json.decode(body, type=_QueryResponse).data.result
        except msgspec.DecodeError:
            raise MetricsImplausible(f"{self._name} is no Prometheus query response") from None


def make_source(endpoints: EndpointClient, metrics: MetricsRef, queues: Collection[str]) -> MetricsSource:
    """The source that a pool's spec names, for the pool's queues."""
    if metrics.endpoint is not None:
        return ApiMetrics(endpoints, metrics.endpoint, metrics.timeout, queues)
    return PrometheusMetrics(endpoints, metrics, queues)


def _sample(series: _Series) -> Sample:
    labels = dict(series.metric)
    # Other names cannot be among the results of the query.
    name = labels.pop("__name__", QUEUE_TASKS.name)
    if name not in REQUIRED_SERIES:
        raise MetricsImplausible("the query response has series of other metrics")
    try:
        return Sample(name, labels, float(series.value[1]))
    except ValueError:
        raise MetricsImplausible(f"a sample of {name} is no number") from None
