from __future__ import annotations

import contextlib
from collections.abc import Sequence

import pytest
from prometheus_client import CollectorRegistry

from queuecore.domain.backoff import Backoff
from queuecore.domain.task import Attempt, FencingToken
from queuecore.errors import StoreError, StoreUnavailable
from queuecore.store.attempts.maintenance import ExpiredLease, ExpiredLeases, LeasedTask, Maintenance, Reclaim
from queuecore.store.queues.reader import QueueReader
from queuecore.store.queues.registry import QueueRegistry
from queuecore.store.result import Result
from queuecore.store.scripts.replies import Reply
from queuecore.testing.builders import make_task
from queuescheduler.known_queues import KnownQueues
from queuescheduler.metrics import SchedulerMetrics
from queuescheduler.reclaim.outage_grace import MAX_GRACE_S
from queuescheduler.reclaim.reclaimer import Reclaimer

UNREACHABLE = StoreUnavailable("unreachable")


class _Maintenance(Maintenance):
    """One expired lease for each queue, on servers that may be unreachable."""

    def __init__(self) -> None:
        self.unreachable: set[str] = set()
        self.reclaimed: list[str] = []

    async def find_expired_leases(self, queues: Sequence[str]) -> list[ExpiredLeases | StoreError]:
        return [UNREACHABLE if queue in self.unreachable else _expired(queue) for queue in queues]

    async def find_leases_of(
        self,
        queues: Sequence[str],  # noqa: ARG002 - as the base class
        workers: Sequence[str],  # noqa: ARG002 - as the base class
    ) -> list[LeasedTask | StoreError]:
        return []

    async def reclaim(self, reclaims: Sequence[Reclaim]) -> list[Result[Reply]]:
        self.reclaimed += [reclaim.lease.queue for reclaim in reclaims]
        return [Reply.DONE] * len(reclaims)


def _expired(queue: str) -> ExpiredLeases:
    task = make_task(queue=queue)
    attempt = Attempt(number=1, worker="w-1", pod="pod", started_at_ms=0)
    return ExpiredLeases(
        1, None, [ExpiredLease(queue, task.id, task, FencingToken(1), attempt, 0, cancel_requested=False)], 0, 0
    )


class _Scene:
    def __init__(self, reader: QueueReader, *queues: str) -> None:
        self.now_s = 100.0
        self.maintenance = _Maintenance()
        backoff = Backoff(lambda: 0.0)
        self.queues = KnownQueues(reader=reader, registry=QueueRegistry.__new__(QueueRegistry), backoff=backoff)
        self.queues._names = queues
        self.queues.last_error = None
        self._reclaimer = Reclaimer(
            maintenance=self.maintenance,
            queues=self.queues,
            poison_losses=2,
            metrics=SchedulerMetrics(CollectorRegistry()),
            backoff=backoff,
            clock=lambda: self.now_s,
        )

    async def reclaimed_at(self, now_s: float, *unreachable: str) -> list[str]:
        """The queues whose leases are reclaimed while the servers of some are unreachable."""
        self.now_s, self.maintenance.unreachable, self.maintenance.reclaimed = now_s, set(unreachable), []
        with contextlib.suppress(StoreUnavailable):
            await self._reclaimer.tick()
        return self.maintenance.reclaimed

    async def reclaims_at(self, now_s: float, *, reachable: bool = True) -> bool:
        return bool(await self.reclaimed_at(now_s, *(self.queues.names if not reachable else ())))


@pytest.fixture
def scene() -> _Scene:
    return _Scene(QueueReader.__new__(QueueReader), "default")


@pytest.fixture
def cluster() -> _Scene:
    """Each queue on its own server."""
    return _Scene(QueueReader.__new__(QueueReader), "a", "b")


async def test_expired_leases_are_reclaimed_at_once_when_the_store_was_reachable(scene: _Scene) -> None:
    assert await scene.reclaims_at(100.0)


async def test_grace_period_lasts_as_long_as_the_outage_when_the_store_recovers(scene: _Scene) -> None:
    await scene.reclaims_at(101.0, reachable=False)
    await scene.reclaims_at(102.0, reachable=False)
    assert [await scene.reclaims_at(at_s) for at_s in (103.0, 104.9, 105.0)] == [False, False, True]


async def test_grace_period_is_bounded_when_the_outage_was_long(scene: _Scene) -> None:
    await scene.reclaims_at(101.0, reachable=False)
    assert not await scene.reclaims_at(1_000.0)
    assert await scene.reclaims_at(1_000.0 + MAX_GRACE_S)


async def test_grace_period_is_granted_when_the_scheduler_started_during_the_outage(scene: _Scene) -> None:
    scene.queues.last_error = UNREACHABLE
    await scene.reclaims_at(100.0)
    scene.queues.last_error = None
    assert [await scene.reclaims_at(at_s) for at_s in (102.0, 103.9, 104.0)] == [False, False, True]


async def test_grace_period_is_granted_when_the_queue_was_discovered_after_the_outage(scene: _Scene) -> None:
    scene.queues._names, scene.queues.last_error = (), UNREACHABLE
    await scene.reclaims_at(100.0)
    scene.queues._names, scene.queues.last_error = ("default",), None
    assert [await scene.reclaims_at(at_s) for at_s in (102.0, 103.9, 104.0)] == [False, False, True]


async def test_nothing_is_reclaimed_when_only_the_reclaimer_reaches_the_store_again(scene: _Scene) -> None:
    await scene.reclaims_at(101.0, reachable=False)
    scene.queues.last_error = UNREACHABLE
    assert not await scene.reclaims_at(102.0)
    scene.queues.last_error = None
    assert [await scene.reclaims_at(at_s) for at_s in (103.0, 104.9, 105.0)] == [False, False, True]


async def test_queues_of_other_servers_are_reclaimed_when_one_is_unreachable(cluster: _Scene) -> None:
    assert await cluster.reclaimed_at(101.0, "b") == ["a"]
    assert await cluster.reclaimed_at(102.0, "b") == ["a"]
    assert await cluster.reclaimed_at(103.0) == ["a"]
    assert await cluster.reclaimed_at(105.0) == ["a", "b"]


async def test_queues_of_other_servers_are_reclaimed_when_the_one_that_lists_them_is_unreachable(
    cluster: _Scene,
) -> None:
    assert await cluster.reclaimed_at(100.0) == ["a", "b"]
    cluster.queues.last_error = UNREACHABLE
    await cluster.reclaimed_at(101.0, "b")
    assert [await cluster.reclaimed_at(at_s, "b") for at_s in (102.0, 102.9, 103.0, 104.0)] == [[], [], ["a"], ["a"]]
