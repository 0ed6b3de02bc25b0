from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from queuecore.domain.state import TaskState
from queuecore.domain.task import Outcome, UniqueLock
from queuecore.errors import StoreError
from queuecore.store.attempts.leases import Lease
from queuecore.store.attempts.maintenance import FOUND_BYTES, LIMIT, ExpiredLeases, Promotion, Reclaim
from queuecore.store.attempts.settlement import Failure
from queuecore.store.scripts.keys import queue_keys
from queuecore.store.scripts.replies import Reply
from queuecore.testing.builders import make_task, now_ms
from queuecore.testing.keyspace import read_keyspace
from queuecore.testing.store import TestStore, TestWorker

HOUR_MS = 3_600_000
KEYS = queue_keys("default")
Report = Callable[[TestWorker, Lease], Awaitable[object]]


async def promote(store: TestStore) -> Promotion:
    (promotion,) = await store.maintenance.promote(["default"])
    assert isinstance(promotion, Promotion)
    return promotion


async def test_promote_ignores_tasks_when_they_are_not_due(store: TestStore) -> None:
    task = make_task(process_at_ms=now_ms() + HOUR_MS)
    await store.enqueue(task)
    promotion = await promote(store)
    assert promotion.late_ms == []
    assert promotion.next_due_at_ms == task.process_at_ms
    assert await store.state(task) is TaskState.SCHEDULED


async def test_promote_keeps_priority_and_stamps_entry_when_tasks_are_due(store: TestStore) -> None:
    low = make_task(process_at_ms=now_ms() + HOUR_MS, priority=1)
    high = make_task(process_at_ms=now_ms() + HOUR_MS, priority=8)
    await store.enqueue(low, high)
    await store.server.command("ZADD", KEYS.scheduled, 1, low.id, 2, high.id)
    before = now_ms()
    promotion = await promote(store)
    assert len(promotion.late_ms) == 2
    assert promotion.next_due_at_ms is None
    leases = await store.worker().lease()
    assert [lease.task.id for lease in leases] == [high.id, low.id]
    assert all(lease.entered_at_ms >= before - 1 for lease in leases)


async def test_promote_takes_retries_along(store: TestStore) -> None:
    task = make_task()
    await store.enqueue(task)
    worker = store.worker()
    await worker.settlements.fail([Failure(await worker.lease_one(task), 1, "no", retry_in_ms=0)])
    await promote(store)
    assert await store.state(task) is TaskState.PENDING
    assert await store.server.command("LLEN", KEYS.wake) == 1


async def test_promote_works_in_bounded_chunks_and_returns_when_more_is_due(store: TestStore) -> None:
    tasks = [make_task(process_at_ms=now_ms() + HOUR_MS) for _ in range(LIMIT + 3)]
    await store.enqueue(*tasks)
    for task in tasks:
        await store.server.command("ZADD", KEYS.scheduled, 5, task.id)
    first = await promote(store)
    assert len(first.late_ms) == LIMIT
    assert first.next_due_at_ms == 5
    assert len((await promote(store)).late_ms) == 3


async def test_promote_moves_each_task_once_when_many_schedulers_do_it(store: TestStore) -> None:
    tasks = [make_task(process_at_ms=now_ms() + HOUR_MS) for _ in range(50)]
    await store.enqueue(*tasks)
    for task in tasks:
        await store.server.command("ZADD", KEYS.scheduled, 5, task.id)
    promotions = await asyncio.gather(*(promote(store) for _ in range(6)))
    assert sum(len(promotion.late_ms) for promotion in promotions) == 50


async def test_promote_drops_and_counts_ids_without_envelope(store: TestStore) -> None:
    task = make_task(process_at_ms=now_ms() + HOUR_MS)
    await store.enqueue(task)
    await store.server.command("DEL", f"taskyard:{{default}}:t:{task.id}")
    await store.server.command("ZADD", KEYS.scheduled, 5, task.id)
    assert (await promote(store)).orphans == 1
    (stats,) = await store.queues.stats(["default"])
    assert (stats.totals.orphans, stats.counts[TaskState.PENDING]) == (1, 0)


async def test_reclaim_sends_task_into_retry_and_names_the_lost_worker(store: TestStore) -> None:
    task = make_task()
    await store.enqueue(task)
    await store.worker("gone").lease_one(task)
    await store.expire_lease(task)
    assert await store.reclaim() == [Reply.DONE]
    found = await store.reader.find(task.id, ["default"])
    assert found is not None
    assert (found.state, found.attempt, found.retried) == (TaskState.RETRY, 1, 1)
    (lost,) = found.attempts
    assert (lost.worker, lost.outcome) == ("gone", Outcome.LOST)
    (stats,) = await store.queues.stats(["default"])
    assert stats.totals.processed == {("lost", "demo"): 1}


async def test_expired_lease_counts_losses_in_a_row(store: TestStore) -> None:
    task = make_task()
    await store.enqueue(task)
    losses = []
    for _ in range(3):
        await store.worker().lease_one(task)
        await store.expire_lease(task)
        losses.append((await find_expired_leases(store)).leases[0].losses)
        await store.reclaim()
        await promote(store)
    worker = store.worker()
    await worker.settlements.fail([Failure(await worker.lease_one(task), 1, "no", retry_in_ms=0)])
    await promote(store)
    await store.worker().lease_one(task)
    await store.expire_lease(task)
    losses.append((await find_expired_leases(store)).leases[0].losses)
    assert losses == [0, 1, 2, 0]


@pytest.mark.parametrize(
    ("report", "confirmed"),
    [
        (None, False),
        (lambda worker, lease: worker.leases.renew([lease]), True),
        (lambda worker, lease: worker.leases.report_progress([(lease, b"1")]), True),
    ],
    ids=["nothing", "renewal", "progress"],
)
async def test_expired_lease_is_confirmed_when_its_worker_has_reported(
    store: TestStore, report: Report | None, confirmed: bool
) -> None:
    task = make_task()
    await store.enqueue(task)
    worker = store.worker()
    lease = await worker.lease_one(task)
    if report:
        await report(worker, lease)
    await store.expire_lease(task)
    (expired,) = (await find_expired_leases(store)).leases
    assert expired.confirmed is confirmed


async def test_expired_lease_is_unconfirmed_when_only_an_earlier_one_was_confirmed(store: TestStore) -> None:
    task = make_task()
    await store.enqueue(task)
    worker = store.worker()
    await worker.leases.renew([await worker.lease_one(task)])
    await store.expire_lease(task)
    await store.reclaim()
    await promote(store)
    await worker.lease_one(task)
    await store.expire_lease(task)
    (expired,) = (await find_expired_leases(store)).leases
    assert not expired.confirmed


async def test_unconfirmed_attempt_counts_as_loss_but_is_not_charged(store: TestStore) -> None:
    task = make_task(max_retries=0)
    await store.enqueue(task)
    await store.worker().lease_one(task)
    await store.expire_lease(task)
    found = await find_expired_leases(store)
    reclaim = Reclaim(found.leases[0], found.now_ms, "lost", retry_in_ms=0, excused=True, suspected=True)
    assert await store.maintenance.reclaim([reclaim]) == [Reply.DONE]
    await promote(store)
    lease = await store.worker().lease_one(task)
    assert (lease.attempt, lease.counted_attempt) == (2, 1)
    await store.expire_lease(task)
    assert (await find_expired_leases(store)).leases[0].losses == 1


async def test_find_expired_leases_stops_at_its_bytes(store: TestStore) -> None:
    tasks = [make_task(payload=b'{"data":"%s"}' % (b"x" * (FOUND_BYTES // 2))) for _ in range(3)]
    await store.enqueue(*tasks)
    worker = store.worker()
    for task in tasks:
        await worker.lease()
        await store.expire_lease(task)
    assert len((await find_expired_leases(store)).leases) == 1


async def test_reclaim_is_stale_when_the_lease_was_renewed_meanwhile(store: TestStore) -> None:
    task = make_task()
    await store.enqueue(task)
    worker = store.worker()
    lease = await worker.lease_one(task)
    await store.expire_lease(task)
    expired = await find_expired_leases(store)
    await worker.leases.renew([lease])
    before = await read_keyspace(store.server)
    assert await store.reclaim_found(expired) == [Reply.STALE]
    assert await read_keyspace(store.server) == before


async def test_reclaim_acts_once_when_two_schedulers_found_the_lease(store: TestStore) -> None:
    task = make_task()
    await store.enqueue(task)
    await store.worker().lease_one(task)
    await store.expire_lease(task)
    first, second = await find_expired_leases(store), await find_expired_leases(store)
    assert await store.reclaim_found(first) == [Reply.DONE]
    assert await store.reclaim_found(second) == [Reply.STALE]


async def test_find_expired_leases_drops_and_counts_ids_without_envelope(store: TestStore) -> None:
    task = make_task()
    await store.enqueue(task)
    await store.worker().lease_one(task)
    await store.expire_lease(task)
    await store.server.command("DEL", f"taskyard:{{default}}:t:{task.id}")
    expired = await find_expired_leases(store)
    assert (expired.leases, expired.orphans) == ([], 1)


async def test_find_expired_leases_returns_when_the_next_lease_expires(store: TestStore) -> None:
    task = make_task()
    await store.enqueue(task)
    lease = await store.worker(lease_ms=10_000).lease_one(task)
    expired = await find_expired_leases(store)
    assert expired.leases == []
    assert expired.next_expiry_at_ms == lease.started_at_ms + 10_000


async def test_expire_deletes_ended_tasks_in_bounded_chunks(store: TestStore) -> None:
    tasks = [make_task(unique=UniqueLock(str(number), HOUR_MS)) for number in range(LIMIT + 2)]
    await store.enqueue(*tasks)
    for task in tasks:
        await store.control.cancel("default", task.id)
        await store.server.command("ZADD", KEYS.archived, 1, task.id)
    kept = make_task()
    await store.enqueue(kept)
    await store.control.cancel("default", kept.id)
    assert await store.maintenance.expire(["default"]) == [(LIMIT, True)]
    assert await store.maintenance.expire(["default"]) == [(2, False)]
    keyspace = await read_keyspace(store.server)
    assert list(keyspace["taskyard:{default}:archived"]) == [kept.id]
    assert [key for key in keyspace if ":t:" in key or ":r:" in key or ":u:" in key] == [
        key for key in keyspace if key.endswith(kept.id)
    ]


async def find_expired_leases(store: TestStore) -> ExpiredLeases:
    (expired,) = await store.maintenance.find_expired_leases(["default"])
    assert not isinstance(expired, StoreError)
    return expired
