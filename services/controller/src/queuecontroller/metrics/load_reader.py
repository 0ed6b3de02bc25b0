"""How a pool's queues are seen: by the source that its spec names, and by what was read before."""

from __future__ import annotations

from queuecontroller.errors import MetricsImplausible
from queuecontroller.metrics.http import Endpoints
from queuecontroller.metrics.source import MetricsSource, make_source
from queuecontroller.plan.load import PoolLoad
from queuecontroller.plan.meter import LoadMeter
from queuecontroller.plan.spec import PoolSpec


class LoadReader:
    """Sees the queues of one pool.

    Args:
        endpoints: to read metrics.
        interval_s: how often they are read.
    """

    def __init__(self, endpoints: Endpoints, interval_s: float) -> None:
        self._endpoints = endpoints
        self._interval_s = interval_s
        self._view: object = None
        self._source: MetricsSource
        self._meter: LoadMeter

    async def look(self, spec: PoolSpec) -> PoolLoad:
        """The load now.

        Raises:
            ReadingFailed: it cannot be had or relied on.
        """
        self._turn(spec)
        last = self._meter.last
        reading = await self._source.read()
        load = self._meter.measure(reading)
        vanished = [name for name in spec.queues if last and name in last.queues and name not in reading.queues]
        if vanished:
            raise MetricsImplausible(f"queues that were there are told no more: {', '.join(vanished)}")
        return load

    def _turn(self, spec: PoolSpec) -> None:
        """Start anew when the spec names other queues or another source: old readings say nothing of them."""
        view = (spec.metrics, spec.queues, spec.look_ahead)
        if view != self._view:
            self._view = view
            self._source = make_source(self._endpoints, spec.metrics)
            self._meter = LoadMeter(spec.queues, spec.look_ahead, self._interval_s / 2)
