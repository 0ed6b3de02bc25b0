from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from prometheus_client import CollectorRegistry

from queuecore.domain.backoff import Backoff
from queuecore.domain.state import TaskState
from queuecore.domain.task import Outcome
from queuecore.embedded import EmbeddedValkey
from queuecore.errors import StoreError, StoreUnavailable
from queuecore.store.attempts.maintenance import LIMIT
from queuecore.store.attempts.settlement import Success
from queuecore.store.scripts.keys import QUEUES, queue_keys
from queuecore.store.scripts.replies import Reply
from queuecore.testing.builders import make_task, now_ms
from queuecore.testing.store import TestStore
from queuecore.testing.waiting import eventually
from queuescheduler import expirer, known_queues, pending_order, promoter
from queuescheduler.expirer import Expirer
from queuescheduler.known_queues import KnownQueues
from queuescheduler.metrics import SchedulerMetrics
from queuescheduler.pending_order import PendingOrder
from queuescheduler.promoter import Promoter
from queuescheduler.reclaim.outage_grace import MAX_GRACE_S
from queuescheduler.reclaim.reclaimer import INTERVAL_S, MIN_PAUSE_S, Reclaimer

HOUR_MS = 3_600_000
KEYS = queue_keys("default")


@pytest.fixture
def no_polls(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turn off polling: only a notification causes a second promotion."""
    monkeypatch.setattr(promoter, "SAFETY_POLL_S", 3_600.0)
    monkeypatch.setattr(known_queues, "INTERVAL_S", 3_600.0)


class Roles:
    """The roles of a scheduler in this process, not running."""

    def __init__(self, store: TestStore) -> None:
        self.now_s = 1_000.0
        self.registry = CollectorRegistry()
        metrics = SchedulerMetrics(self.registry)
        self.queues = KnownQueues(reader=store.queues, registry=store.registry, backoff=Backoff(lambda: 0.0))
        self.promoter = Promoter(
            maintenance=store.maintenance,
            notifications=store.notifications,
            queues=self.queues,
            metrics=metrics,
            backoff=Backoff(lambda: 0.0),
        )
        self.reclaimer = Reclaimer(
            maintenance=store.maintenance,
            queues=self.queues,
            poison_losses=2,
            metrics=metrics,
            backoff=Backoff(lambda: 0.0),
            clock=lambda: self.now_s,
        )
        self.expirer = Expirer(
            maintenance=store.maintenance, queues=self.queues, metrics=metrics, backoff=Backoff(lambda: 0.0)
        )

        self.pending_order = PendingOrder(
            maintenance=store.maintenance,
            queues=self.queues,
            ageing_ms=HOUR_MS,
            metrics=metrics,
            backoff=Backoff(lambda: 0.0),
        )

    def count(self, name: str) -> float:
        return self.registry.get_sample_value(f"taskyard_scheduler_{name}_total") or 0.0

    @asynccontextmanager
    async def promoting(self, store: TestStore) -> AsyncIterator[None]:
        before = await self._listeners(store)
        roles = [self.queues.run(), self.promoter.run(), self.promoter.listen()]
        tasks = [asyncio.create_task(role) for role in roles]

        async def is_subscribed() -> bool:
            return await self._listeners(store) > before

        await eventually(is_subscribed)
        await eventually(lambda: self.queues.last_error is None)
        yield
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _listeners(self, store: TestStore) -> int:
        _, number = await store.server.command("PUBSUB", "NUMSUB", "taskyard:due")
        return int(number)

    async def know_queues(self) -> None:
        await self.queues.tick()


async def entered_at_ms(store: TestStore, queue: str = "default") -> int:
    (lease,) = await store.worker().lease(queue=queue)
    return lease.entered_at_ms


async def until_pending(store: TestStore, number: int, queue: str = "default") -> None:
    async def are_pending() -> bool:
        return int(await store.server.command("ZCARD", queue_keys(queue).pending)) == number

    await eventually(are_pending)


@pytest.mark.usefixtures("no_polls")
async def test_promoter_sleeps_until_a_task_is_due(store: TestStore) -> None:
    task = make_task(process_at_ms=now_ms() + 1_000)
    await store.enqueue(task)
    roles = Roles(store)
    async with roles.promoting(store):
        await until_pending(store, 1)
        await eventually(lambda: roles.count("promoted") == 1)
    assert await entered_at_ms(store) >= (task.process_at_ms or 0)
    assert roles.registry.get_sample_value("taskyard_scheduler_lateness_seconds_count") == 1


@pytest.mark.usefixtures("no_polls")
async def test_promoter_is_woken_when_an_earlier_task_arrives(store: TestStore) -> None:
    later = make_task(process_at_ms=now_ms() + HOUR_MS)
    await store.enqueue(later)
    async with Roles(store).promoting(store):
        await store.enqueue(make_task(process_at_ms=now_ms() + 100))
        await until_pending(store, 1)
    assert await store.state(later) is TaskState.SCHEDULED


@pytest.mark.usefixtures("no_polls")
async def test_promoter_promotes_a_queue_when_it_is_new(store: TestStore) -> None:
    async with Roles(store).promoting(store):
        await store.enqueue(make_task(queue="new", process_at_ms=now_ms() + 50))
        await until_pending(store, 1, queue="new")


async def test_queue_is_promoted_when_the_registry_has_lost_it(store: TestStore) -> None:
    roles = Roles(store)
    await store.enqueue(make_task(process_at_ms=now_ms() + 50))
    await roles.queues.tick()
    await store.server.command("DEL", QUEUES)
    async with roles.promoting(store):
        await until_pending(store, 1)
        await eventually(store.queues.names)
    assert await store.queues.names() == ["default"]


@pytest.mark.usefixtures("no_polls")
async def test_promoter_promotes_again_at_once_when_more_is_due_than_one_call_moves(store: TestStore) -> None:
    tasks = [make_task(process_at_ms=now_ms() + HOUR_MS) for _ in range(2 * LIMIT + 1)]
    await store.enqueue(*tasks)
    await store.server.command("ZADD", KEYS.scheduled, *(part for task in tasks for part in (1, task.id)))
    roles = Roles(store)
    async with roles.promoting(store):
        await until_pending(store, len(tasks))
        await eventually(lambda: roles.count("promoted") == len(tasks))


async def test_each_task_is_promoted_once_when_several_schedulers_do_it(store: TestStore) -> None:
    several = [Roles(store) for _ in range(3)]
    async with AsyncExitStack() as stack:
        for roles in several:
            await stack.enter_async_context(roles.promoting(store))
        tasks = [make_task(process_at_ms=now_ms() + 200 + number) for number in range(100)]
        enqueued = await store.enqueue(*tasks)
        # On a busy machine some are due before the store sees them, and are pending at once.
        scheduled = sum(each.state is TaskState.SCHEDULED for each in enqueued)
        await until_pending(store, len(tasks))
        await eventually(lambda: sum(roles.count("promoted") for roles in several) >= scheduled)
    assert sum(roles.count("promoted") for roles in several) == scheduled


@pytest.mark.usefixtures("no_polls")
async def test_promoter_promotes_all_queues_when_its_subscription_was_lost(store: TestStore) -> None:
    task = make_task(process_at_ms=now_ms() + HOUR_MS)
    await store.enqueue(task)
    async with Roles(store).promoting(store):
        await store.server.command("ZADD", KEYS.scheduled, 1, task.id)
        await store.server.command("CLIENT", "KILL", "TYPE", "pubsub")
        await until_pending(store, 1)


@pytest.mark.usefixtures("no_polls")
async def test_promoter_promotes_what_came_due_when_the_store_recovers(
    store: TestStore, valkey: EmbeddedValkey
) -> None:
    await store.enqueue(make_task(process_at_ms=now_ms() + 100))
    async with Roles(store).promoting(store):
        valkey.kill()
        valkey.start()
        await until_pending(store, 1)


async def test_reclaimer_retries_lost_tasks_and_leaves_renewed_ones(store: TestStore) -> None:
    lost, kept = make_task(), make_task()
    await store.enqueue(lost, kept)
    await store.worker().lease()
    await store.expire_lease(lost)
    roles = Roles(store)
    await roles.know_queues()
    assert await roles.reclaimer.tick() == MIN_PAUSE_S
    found = await store.reader.find(lost.id, ["default"])
    assert found is not None
    assert (found.state, [attempt.outcome for attempt in found.attempts]) == (TaskState.RETRY, [Outcome.LOST])
    assert await store.state(kept) is TaskState.ACTIVE
    assert roles.count("reclaimed") == 1
    assert await roles.reclaimer.tick() == INTERVAL_S


async def test_reclaimer_grants_time_to_renew_when_the_store_was_unreachable(store: TestStore) -> None:
    task = make_task()
    await store.enqueue(task)
    await store.worker().lease_one(task)
    await store.expire_lease(task)
    roles = Roles(store)
    await roles.know_queues()
    roles.queues.last_error = StoreUnavailable()
    await roles.reclaimer.tick()
    roles.now_s += 60
    # The store answers this role again, and not yet the others.
    await roles.reclaimer.tick()
    assert await store.state(task) is TaskState.ACTIVE
    roles.queues.last_error = None
    await roles.reclaimer.tick()
    assert await store.state(task) is TaskState.ACTIVE
    roles.now_s += MAX_GRACE_S
    await roles.reclaimer.tick()
    assert await store.state(task) is TaskState.RETRY


async def test_reclaimer_grants_time_to_renew_when_the_clock_of_the_server_jumped(store: TestStore) -> None:
    live, lost = make_task(id="live"), make_task(id="lost")
    await store.enqueue(live, lost)
    worker = store.worker()
    leases = {lease.task.id: lease for lease in await worker.lease()}
    roles = Roles(store)
    await roles.know_queues()
    await roles.reclaimer.tick()
    # A jump of 30 s: less time has passed here than there.
    roles.now_s -= 30
    await store.server.command("ZADD", KEYS.active, now_ms() - 1_000, live.id, now_ms() - 31_000, lost.id)
    await roles.reclaimer.tick()
    assert await store.state(lost) is TaskState.RETRY
    assert await store.state(live) is TaskState.ACTIVE
    assert await roles.reclaimer.tick() == INTERVAL_S
    assert await worker.leases.renew([leases["live"]]) == [Reply.DONE]


async def test_reclaimer_ticks_again_when_the_next_lease_expires(store: TestStore) -> None:
    await store.enqueue(make_task())
    await store.worker(lease_ms=500).lease()
    roles = Roles(store)
    await roles.know_queues()
    assert MIN_PAUSE_S <= await roles.reclaimer.tick() <= 0.5


async def test_each_task_is_reclaimed_once_when_several_schedulers_do_it(store: TestStore) -> None:
    tasks = [make_task() for _ in range(60)]
    await store.enqueue(*tasks)
    await store.worker().lease(limit=60)
    for task in tasks:
        await store.expire_lease(task)
    several = [Roles(store) for _ in range(3)]
    for roles in several:
        await roles.know_queues()
    await asyncio.gather(*(roles.reclaimer.tick() for roles in several))
    assert sum(roles.count("reclaimed") for roles in several) == len(tasks)
    (stats,) = await store.queues.stats(["default"])
    assert stats.totals.processed == {("lost", "demo"): len(tasks)}


async def test_expirer_deletes_one_batch_and_reports_when_more_is_due(store: TestStore) -> None:
    tasks = [make_task() for _ in range(LIMIT + 1)]
    await store.enqueue(*tasks)
    worker = store.worker()
    leases = await worker.lease(limit=LIMIT + 1)
    await worker.settlements.complete([Success(lease, 1) for lease in leases])
    await store.server.command("ZADD", KEYS.completed, *(part for task in tasks for part in (1, task.id)))
    roles = Roles(store)
    await roles.know_queues()
    assert await roles.expirer.tick() == 0
    assert await roles.expirer.tick() == expirer.INTERVAL_S
    assert roles.count("expired") == len(tasks)
    assert await store.state(tasks[0]) is None


async def test_pending_order_ages_one_batch_and_reports_when_more_has_waited_long(store: TestStore) -> None:
    tasks = [make_task(priority=0) for _ in range(LIMIT + 1)]
    await store.enqueue(*tasks)
    for task in tasks:
        await store.server.command("ZINCRBY", KEYS.pending, -HOUR_MS * 1000 // 8, task.id)
    roles = Roles(store)
    await roles.know_queues()
    assert await roles.pending_order.tick() == 0
    assert await roles.pending_order.tick() == pending_order.INTERVAL_S
    assert roles.count("aged") == LIMIT + 1


async def test_roles_raise_when_the_store_is_unreachable(store: TestStore, valkey: EmbeddedValkey) -> None:
    await store.enqueue(make_task())
    roles = Roles(store)
    assert roles.queues.last_error is not None
    await roles.know_queues()
    assert roles.queues.names == ("default",)
    valkey.kill()
    with pytest.raises(StoreError):
        await roles.reclaimer.tick()
    with pytest.raises(StoreError):
        await roles.expirer.tick()
    valkey.start()
