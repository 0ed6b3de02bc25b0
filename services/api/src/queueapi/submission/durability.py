"""Durability of submissions: lanes of the coalescer, and metrics."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry

from queueapi.submission.coalescer import AttemptCall, EnqueueCoalescer
from queuecore.domain.durability import Durability
from queuecore.errors import NotDurable
from queuecore.observe.metrics.definitions import ENQUEUES_NOT_DURABLE, REPLICATION_WAIT
from queuecore.observe.metrics.histogram import DurationHistogram
from queuecore.store.tasks.enqueue import (
    MAX_DURABILITY_CHANGES,
    AttemptResult,
    Enqueue,
    EnqueueResult,
    OtherDurability,
    settle_attempt,
)

GROUPS_IN_FLIGHT = 4
"""Calls that wait for replicas at once: a wait costs time, and neither processor nor connection time."""


class EnqueueLanes:
    """A coalescer for each number of replicas.

    Tasks that wait for replicas do not delay those that wait for none, nor for another number.

    Args:
        attempt: the call of the store.
        durability: the durability of a queue as this process knows it.
    """

    def __init__(self, attempt: AttemptCall, durability: Callable[[str], Durability]) -> None:
        self._attempt = attempt
        self._durability = durability
        self._lanes: dict[int, EnqueueCoalescer] = {}

    async def enqueue(self, request: Enqueue) -> EnqueueResult:
        """Enqueue one task.

        Raises:
            StoreUnavailable: too many tasks are waiting already.
        """
        result = await self._lane(request).enqueue(request)
        for _ in range(MAX_DURABILITY_CHANGES):
            if not isinstance(result, OtherDurability):
                return result
            result = await self._lane(request).enqueue(request)
        return settle_attempt(result)

    def _lane(self, request: Enqueue) -> EnqueueCoalescer:
        replicas = self._durability(request.task.queue).replicas
        lane = self._lanes.get(replicas)
        if lane is None:
            groups = GROUPS_IN_FLIGHT if replicas else 1
            lane = self._lanes[replicas] = EnqueueCoalescer(self._attempt, groups)
        return lane


class DurabilityMetrics:
    """Counts tasks that were not confirmed, and the time that calls waited for replicas.

    Args:
        registry: exposes them.
    """

    def __init__(self, registry: CollectorRegistry) -> None:
        self._not_durable = ENQUEUES_NOT_DURABLE.build(registry)
        self._waits = DurationHistogram(REPLICATION_WAIT, registry)

    def note_wait(self, seconds: float) -> None:
        """Count one call that waited for replicas."""
        self._waits.note((), seconds)

    def record(self, requests: Sequence[Enqueue], results: Sequence[AttemptResult]) -> None:
        """Count the tasks that were not confirmed."""
        for request, result in zip(requests, results, strict=True):
            if isinstance(result, NotDurable):
                self._not_durable.labels(queue=request.task.queue).inc()
