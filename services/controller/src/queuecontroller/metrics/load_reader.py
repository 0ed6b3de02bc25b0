"""Load reader: the current load of one pool, from its metrics source."""

from __future__ import annotations

from queuecontroller.errors import MetricsImplausible
from queuecontroller.metrics.http import EndpointClient
from queuecontroller.metrics.source import MetricsSource, make_source
from queuecontroller.plan.load import PoolLoad
from queuecontroller.plan.meter import LoadMeter
from queuecontroller.plan.spec import PoolSpec


class LoadReader:
    """Reads the load of one pool and remembers the readings that rates need.

    Args:
        endpoints: sends the requests.
        interval_s: the reconcile interval, in seconds.
    """

    def __init__(self, endpoints: EndpointClient, interval_s: float) -> None:
        self._endpoints = endpoints
        self._interval_s = interval_s
        self._configuration: object = None
        self._source: MetricsSource
        self._meter: LoadMeter

    async def read(self, spec: PoolSpec) -> PoolLoad:
        """The load now.

        Raises:
            ReadingFailed: the metrics are unavailable, stale or implausible.
        """
        self._configure(spec)
        last = self._meter.last
        reading = await self._source.read()
        load = self._meter.measure(reading)
        vanished = [name for name in spec.queues if last and name in last.queues and name not in reading.queues]
        if vanished:
            raise MetricsImplausible(f"queues missing from the latest scrape: {', '.join(vanished)}")
        return load

    def _configure(self, spec: PoolSpec) -> None:
        """Discard earlier readings when the spec names other queues or another source."""
        configuration = (spec.metrics, spec.queues, spec.look_ahead)
        if configuration != self._configuration:
            self._configuration = configuration
            self._source = make_source(self._endpoints, spec.metrics, spec.queues)
            self._meter = LoadMeter(spec.queues, spec.look_ahead, self._interval_s / 2)
