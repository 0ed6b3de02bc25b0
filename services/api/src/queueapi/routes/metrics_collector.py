"""Metrics collector: this process's metrics, and the totals and gauges of all queues from the store."""

from __future__ import annotations

import asyncio
import time
import weakref
from collections import deque
from collections.abc import Iterable, Sequence
from itertools import chain

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric

from queueapi.http.store_deadline import StoreDeadline
from queueapi.routes.readiness import ReadinessCheck
from queueapi.scrape.queue_text import Capacity, QueueText, QueueTexts
from queueapi.scrape.snapshot import Snapshot
from queueapi.submission.drain_rate import DrainRates
from queuecore.errors import StoreError
from queuecore.observe.metrics import definitions as metrics
from queuecore.observe.metrics.text import TextFormat
from queuecore.store.queues.directory import WorkerStatus
from queuecore.store.queues.limits import QueueLimits
from queuecore.store.queues.overview import Overview, OverviewReader, ServerStatus

QUEUES_PER_TURN = 20
"""Queues that are rendered in one turn of the event loop: about 2 ms if all of them have changed."""
MAX_SNAPSHOTS = 4
"""Snapshots that are kept for responses. A client that is further behind loses its response, else clients that read
slowly would keep the text of every scrape in memory."""
_CAPACITIES_PER_TURN = 2_000


class MetricsCollector:
    """Collects all metrics for scrapes. Concurrent scrapes share one snapshot of the store.

    It is read and rendered in steps of a few milliseconds, between which other requests have their turns.

    Args:
        registry: this process's metrics.
        reader: reads the metrics in the store.
        readiness: exposes whether the store is ready.
        limits: defaults for queues without limits of their own.
        rates: drain rates, updated with each snapshot.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        reader: OverviewReader,
        readiness: ReadinessCheck,
        limits: QueueLimits,
        rates: DrainRates,
    ) -> None:
        self._registry = registry
        self._reader = reader
        self._readiness = readiness
        self._texts = QueueTexts(limits)
        self._rates = rates
        self._reading: asyncio.Task[Snapshot | None] | None = None
        self._snapshots: deque[weakref.ref[Snapshot]] = deque(maxlen=MAX_SNAPSHOTS)
        """Snapshots that responses may still be reading, the oldest first."""

    async def collect(self, text_format: TextFormat) -> Iterable[bytes]:
        """The text of all metrics at this moment; those of the queues are missing during an outage of the store."""
        if self._reading is None or self._reading.done():
            self._reading = asyncio.create_task(self._read())
        snapshot = await asyncio.shield(self._reading)
        process: list[bytes] = []
        for metric in self._registry.collect():
            for part in text_format.write_in_parts(metric):
                process.append(part)
                await asyncio.sleep(0)
        return chain(process, snapshot.write(text_format) if snapshot else (), (text_format.end,))

    async def _read(self) -> Snapshot | None:
        try:
            async with StoreDeadline():
                overview = await self._reader.read()
        except StoreError as error:
            self._readiness.record(error)
            return None
        self._readiness.record(overview.readiness)
        return self._keep(Snapshot(await self._render(overview), list(_server(overview.server))))

    async def _render(self, overview: Overview) -> list[QueueText]:
        capacities = await _add_up(overview.workers)
        now_s, idle = time.monotonic(), Capacity()
        texts: list[QueueText] = []
        for first in range(0, len(overview.queues), QUEUES_PER_TURN):
            some = overview.queues[first : first + QUEUES_PER_TURN]
            self._rates.observe(some, now_s)
            texts += [self._texts.render(each, capacities.get(each.queue, idle)) for each in some]
            await asyncio.sleep(0)
        self._texts.keep(each.queue for each in overview.queues)
        return texts

    def _keep(self, snapshot: Snapshot) -> Snapshot:
        if len(self._snapshots) == MAX_SNAPSHOTS and (oldest := self._snapshots[0]()):
            oldest.retire()
        self._snapshots.append(weakref.ref(snapshot))
        return snapshot


async def _add_up(workers: Sequence[WorkerStatus]) -> dict[str, Capacity]:
    capacities: dict[str, Capacity] = {}
    added = 0
    for worker in workers:
        for queue in worker.queues:
            others = capacities.get(queue, Capacity())
            capacities[queue] = Capacity(others.workers + 1, others.slots + worker.slots)
        added += len(worker.queues)
        if added >= _CAPACITIES_PER_TURN:
            added = 0
            await asyncio.sleep(0)
    return capacities


def _server(server: ServerStatus | None) -> Iterable[Metric]:
    unknown = metrics.STORE_INFO_UNKNOWN.family()
    unknown.add_metric((), server is None)
    yield unknown
    if server is not None:
        for definition, number in (
            (metrics.STORE_MEMORY, server.memory_bytes),
            (metrics.STORE_MEMORY_LIMIT, server.memory_limit_bytes),
            (metrics.STORE_CLIENTS, server.clients),
            (metrics.STORE_COMMANDS, server.commands),
            (metrics.STORE_EVICTED_KEYS, server.evicted_keys),
        ):
            family = definition.family()
            family.add_metric((), number)
            yield family
