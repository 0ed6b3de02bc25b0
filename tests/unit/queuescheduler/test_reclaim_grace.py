from __future__ import annotations

from collections.abc import Sequence

import pytest
from prometheus_client import CollectorRegistry

from queuecore.domain.backoff import Backoff
from queuecore.domain.task import Attempt
from queuecore.errors import StoreError, StoreUnavailable
from queuecore.store.batch import Settled
from queuecore.store.inspect import TaskReader
from queuecore.store.replies import Reply
from queuecore.store.upkeep import LapsedLease, Lapses, Reclaim, Upkeep
from queuecore.testing.builders import make_task
from queuescheduler.known_queues import KnownQueues
from queuescheduler.observation import SchedulerMetrics
from queuescheduler.reclaimer import MOST_GRACE_S, Reclaimer

AWAY = StoreUnavailable("away")


class _Upkeep(Upkeep):
    """One lapsed lease that never ends, in a store that comes and goes."""

    def __init__(self) -> None:
        self.away = False
        self.reclaimed = 0

    async def find_lapsed(self, queues: Sequence[str]) -> list[Lapses | StoreError]:  # noqa: ARG002 - as the base class
        task = make_task()
        attempt = Attempt(number=1, worker="w-1", pod="pod", started_at_ms=0)
        lapsed = LapsedLease(task.queue, task.id, task, 1, attempt, 0, cancel_requested=False)
        return [AWAY if self.away else Lapses(1, None, [lapsed], 0, 0)]

    async def reclaim(self, reclaims: Sequence[Reclaim]) -> list[Settled]:
        self.reclaimed += len(reclaims)
        return [Reply.DONE] * len(reclaims)


class _Scene:
    def __init__(self, reader: TaskReader) -> None:
        self.now_s = 100.0
        self.upkeep = _Upkeep()
        backoff = Backoff(lambda: 0.0)
        self.queues = KnownQueues(reader=reader, backoff=backoff)
        self.queues.last_error = None
        self._reclaimer = Reclaimer(
            upkeep=self.upkeep,
            queues=self.queues,
            poison_losses=2,
            metrics=SchedulerMetrics(CollectorRegistry()),
            backoff=backoff,
            clock=lambda: self.now_s,
        )

    async def reclaims_at(self, now_s: float, *, away: bool = False) -> bool:
        self.now_s, self.upkeep.away = now_s, away
        before = self.upkeep.reclaimed
        try:
            await self._reclaimer.tick()
        except StoreUnavailable:
            assert away
        return self.upkeep.reclaimed > before


@pytest.fixture
def scene() -> _Scene:
    return _Scene(TaskReader.__new__(TaskReader))


async def test_lapsed_leases_are_reclaimed_at_once_when_the_store_was_there(scene: _Scene) -> None:
    assert await scene.reclaims_at(100.0)


async def test_workers_get_as_long_as_the_store_was_away_when_it_is_back(scene: _Scene) -> None:
    await scene.reclaims_at(101.0, away=True)
    await scene.reclaims_at(102.0, away=True)
    assert [await scene.reclaims_at(at_s) for at_s in (103.0, 104.9, 105.0)] == [False, False, True]


async def test_workers_get_no_longer_than_the_limit_when_the_store_was_away_for_ages(scene: _Scene) -> None:
    await scene.reclaims_at(101.0, away=True)
    assert not await scene.reclaims_at(1_000.0)
    assert await scene.reclaims_at(1_000.0 + MOST_GRACE_S)


async def test_workers_get_time_when_the_scheduler_began_while_the_store_was_away(scene: _Scene) -> None:
    scene.queues.last_error = AWAY
    await scene.reclaims_at(100.0)
    scene.queues.last_error = None
    assert [await scene.reclaims_at(at_s) for at_s in (102.0, 103.9, 104.0)] == [False, False, True]
