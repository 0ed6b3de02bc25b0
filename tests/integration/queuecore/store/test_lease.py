from __future__ import annotations

import asyncio

import pytest

from queuecore.domain.state import TaskState
from queuecore.domain.task import HISTORY_LENGTH, Task
from queuecore.store.attempts.leases import LEASE_BYTES
from queuecore.store.attempts.settlement import Failure, Success
from queuecore.store.scripts.keys import envelope_key, queue_keys
from queuecore.store.scripts.replies import Reply
from queuecore.testing.builders import make_task, now_ms
from queuecore.testing.keyspace import read_keyspace
from queuecore.testing.store import LEASE_MS, TestStore
from queuecore.wire import attempt as attempt_wire
from queuecore.wire import envelope

KEYS = queue_keys("default")


def make_payload(size: int) -> bytes:
    return b'{"data":"%s"}' % (b"x" * size)


ALMOST_ALL = make_payload(LEASE_BYTES * 9 // 10)


async def test_lease_hands_out_highest_priority_first_and_oldest_within(store: TestStore) -> None:
    tasks = {name: make_task(priority=priority) for name, priority in (("a", 5), ("b", 0), ("c", 9), ("d", 5))}
    for task in tasks.values():
        await store.enqueue(task)
    leased = await store.worker().lease()
    assert [lease.task for lease in leased] == [tasks[name] for name in "cadb"]


async def test_lease_records_the_attempt(store: TestStore) -> None:
    task = make_task()
    await store.enqueue(task)
    lease = await store.worker().lease_one(task)
    keyspace = await read_keyspace(store.server)
    record = keyspace[f"taskyard:{{default}}:r:{task.id}"]
    opened = attempt_wire.decode(1, record.pop("a:1"))
    assert record == {"token": str(lease.token).encode(), "attempt": b"1"}
    assert (opened.worker, opened.pod, opened.started_at_ms) == ("worker-1", "pod-of-worker-1", lease.started_at_ms)
    assert opened.outcome is None
    assert keyspace["taskyard:{default}:active"] == {task.id: lease.started_at_ms + LEASE_MS}


async def test_lease_gives_each_task_to_one_worker_when_many_ask_at_once(store: TestStore) -> None:
    tasks = [make_task() for _ in range(300)]
    await store.enqueue(*tasks)
    workers = [store.worker(f"worker-{number}") for number in range(8)]
    rounds = await asyncio.gather(*(worker.lease(limit=7) for worker in workers for _ in range(8)))
    leased = [lease.task.id for round_ in rounds for lease in round_]
    assert sorted(leased) == sorted(task.id for task in tasks)


async def test_lease_respects_limit_and_passes_wakeup_on_when_tasks_are_left(store: TestStore) -> None:
    await store.enqueue(make_task(), make_task(), make_task())
    await store.server.command("DEL", KEYS.wake)
    assert len(await store.worker().lease(limit=2)) == 2
    assert await store.server.command("LLEN", KEYS.wake) == 1
    await store.worker().lease(limit=2)
    assert await store.server.command("LLEN", KEYS.wake) == 0


async def test_lease_stops_at_its_bytes_and_takes_at_least_one_task(store: TestStore) -> None:
    half = make_payload(LEASE_BYTES // 2)
    large = make_task(payload=make_payload(LEASE_BYTES * 2), priority=9)
    halves = [make_task(payload=half) for _ in range(3)]
    small = make_task()
    await store.enqueue(large, *halves, small)
    worker = store.worker()
    calls = [[lease.task.id for lease in await worker.lease(limit=200)] for _ in range(5)]
    assert calls == [[large.id], [halves[0].id], [halves[1].id], [halves[2].id, small.id], []]


@pytest.mark.parametrize("marked", [True, False])
async def test_lease_stops_at_its_bytes_when_large_tasks_follow_small_ones(store: TestStore, marked: bool) -> None:
    small, large = [make_task(priority=9) for _ in range(3)], [make_task(payload=ALMOST_ALL) for _ in range(3)]
    await store.enqueue(*small, *large)
    if not marked:
        # As an older release enqueues them.
        assert await store.server.command("DEL", KEYS.large) == 1
    worker = store.worker()
    calls = [[lease.task.id for lease in await worker.lease(limit=200)] for _ in range(4)]
    assert calls == [[task.id for task in [*small, large[0]]], [large[1].id], [large[2].id], []]
    assert await store.server.command("PTTL", KEYS.large) > 0


@pytest.mark.parametrize(("size", "reads"), [(100, 1), (100_000, 8)])
async def test_lease_reads_one_by_one_when_the_queue_has_large_tasks(store: TestStore, size: int, reads: int) -> None:
    await store.enqueue(*(make_task(payload=make_payload(size)) for _ in range(8)))
    before = await count_calls(store, "mget")
    assert len(await store.worker().lease()) == 8
    assert await count_calls(store, "mget") == before + reads


async def count_calls(store: TestStore, command: str) -> int:
    """How often the server has run a command."""
    stats: dict[str, dict[str, int]] = await store.server.command("INFO", "commandstats")
    return stats[f"cmdstat_{command}"]["calls"]


async def test_lease_shares_its_bytes_among_the_queues_of_a_call(store: TestStore) -> None:
    third = make_payload(LEASE_BYTES // 3)
    await store.enqueue(*(make_task(queue=queue, payload=third) for queue in ("one", "two") for _ in range(3)))
    answers = await store.worker().leases.lease([("one", 10), ("two", 10)])
    assert [len(answer.leases) for answer in answers] == [1, 1]  # type: ignore[union-attr]


async def test_lease_answers_each_queue_when_several_are_asked(store: TestStore) -> None:
    await store.enqueue(make_task(queue="one"), make_task(queue="two"), make_task(queue="two"))
    answers = await store.worker().leases.lease([("one", 5), ("none", 5), ("two", 1)])
    assert [[lease.task.queue for lease in answer.leases] for answer in answers] == [["one"], [], ["two"]]  # type: ignore[union-attr]


async def test_lease_drops_and_counts_ids_without_envelope(store: TestStore) -> None:
    tasks = [make_task() for _ in range(5)]
    await store.enqueue(*tasks)
    for orphan in tasks[:3]:
        await store.server.command("DEL", f"taskyard:{{default}}:t:{orphan.id}")
    answer = await store.worker().lease_call(limit=2)
    assert [lease.task.id for lease in answer.leases] == [task.id for task in tasks[3:]]
    assert answer.orphans == 3
    (stats,) = await store.queues.stats(["default"])
    assert stats.totals.orphans == 3
    assert stats.counts[TaskState.PENDING] == 0


async def test_lease_skips_task_when_its_version_is_newer(store: TestStore) -> None:
    newer, readable = make_task(), make_task()
    await store.enqueue(newer, readable)
    score = await store.server.command("ZSCORE", KEYS.pending, newer.id)
    await store.server.command("SETRANGE", f"taskyard:{{default}}:t:{newer.id}", 0, bytes([envelope.VERSION + 1]))
    answer = await store.worker().lease_call()
    assert [lease.task.id for lease in answer.leases] == [readable.id]
    assert answer.newer == 1
    assert await store.server.command("ZSCORE", KEYS.pending, newer.id) == score
    assert await store.server.command("LLEN", KEYS.wake) == 0


async def make_newer(store: TestStore, tasks: list[Task]) -> None:
    """Enqueue tasks whose envelopes are of a newer version."""
    await store.enqueue(*tasks)
    version = bytes([envelope.VERSION + 1])
    await store.server.commands([("SETRANGE", envelope_key(KEYS, task.id), 0, version) for task in tasks])


@pytest.mark.parametrize("limit", [1, 400, 1_000])
async def test_lease_keeps_newer_tasks_in_their_place_when_they_are_many(store: TestStore, limit: int) -> None:
    newer, readable = [make_task() for _ in range(999)], make_task()
    await make_newer(store, newer)
    await store.enqueue(readable)
    before = (await read_keyspace(store.server))[KEYS.pending]
    answer = await store.worker().lease_call(limit=limit)
    assert [lease.task.id for lease in answer.leases] == [readable.id]
    assert answer.newer == len(newer)
    del before[readable.id]
    assert (await read_keyspace(store.server))[KEYS.pending] == before


@pytest.mark.parametrize("limit", [400, 1_000])
async def test_lease_loses_no_task_when_more_newer_ones_are_pending_than_it_examines(
    store: TestStore, limit: int
) -> None:
    await make_newer(store, [make_task() for _ in range(4_500)])
    before = await read_keyspace(store.server)
    assert (await store.worker().lease_call(limit=limit)).is_blocked
    assert await read_keyspace(store.server) == before


async def test_lease_reaches_readable_tasks_in_bounded_calls_when_newer_ones_are_many(store: TestStore) -> None:
    await make_newer(store, [make_task() for _ in range(3_000)])
    readable = [make_task() for _ in range(3)]
    await store.enqueue(*readable)
    worker = store.worker()
    calls = [await worker.lease_call(limit=1) for _ in range(6)]
    assert [each.is_blocked for each in calls] == [True, True, True, False, False, False]
    assert [lease.task.id for each in calls for lease in each.leases] == [task.id for task in readable]
    assert await store.server.command("ZCARD", KEYS.pending) == 3_000


async def test_lease_starts_from_the_front_again_when_newer_tasks_are_gone(store: TestStore) -> None:
    newer = [make_task() for _ in range(1_500)]
    await make_newer(store, newer)
    worker = store.worker()
    assert (await worker.lease_call()).is_blocked
    for task in newer:
        await store.control.delete("default", task.id)
    readable = make_task()
    await store.enqueue(readable)
    assert [lease.task.id for lease in await worker.lease()] == [readable.id]


async def test_lease_leaves_members_in_place_when_they_are_no_tasks_of_this_release(store: TestStore) -> None:
    task = make_task(priority=0)
    await store.enqueue(task)
    await store.server.command("ZADD", KEYS.pending, 1, b"\x01lane")
    answer = await store.worker().lease_call()
    assert ([lease.task.id for lease in answer.leases], answer.newer, answer.orphans) == ([task.id], 1, 0)
    assert await store.server.command("ZREM", KEYS.pending, b"\x01lane") == 1


async def test_unreadable_task_is_archived_when_leased(store: TestStore) -> None:
    task = make_task()
    await store.enqueue(task)
    await store.damage(task)
    worker = store.worker()
    answer = await worker.lease_call()
    assert [each.task_id for each in answer.unreadable] == [task.id]
    assert await worker.settlements.archive_unreadable(answer.unreadable) == [Reply.DONE]
    assert list((await read_keyspace(store.server))["taskyard:{default}:archived"]) == [task.id]


async def test_lease_has_pending_time_of_the_task(store: TestStore) -> None:
    task = make_task()
    before = now_ms()
    await store.enqueue(task)
    lease = await store.worker().lease_one(task)
    assert before - 1 <= lease.entered_at_ms <= lease.started_at_ms <= now_ms() + 1


async def test_history_keeps_only_the_last_attempts(store: TestStore) -> None:
    task = make_task(max_retries=100)
    await store.enqueue(task)
    worker = store.worker()
    for _ in range(HISTORY_LENGTH + 5):
        lease = await worker.lease_one(task)
        await worker.settlements.fail([Failure(lease, 1, "no", retry_in_ms=0)])
        await store.maintenance.promote(["default"])
    snapshot = await store.reader.find(task.id, ["default"])
    assert snapshot is not None
    assert snapshot.attempt == HISTORY_LENGTH + 5
    assert [attempt.number for attempt in snapshot.attempts] == list(range(6, HISTORY_LENGTH + 6))


async def test_renew_moves_expiry_when_lease_is_current(store: TestStore) -> None:
    task = make_task()
    await store.enqueue(task)
    worker = store.worker()
    lease = await worker.lease_one(task)
    await store.server.command("ZADD", KEYS.active, "XX", lease.started_at_ms + 1, task.id)
    assert await worker.leases.renew([lease]) == [Reply.DONE]
    assert float(await store.server.command("ZSCORE", KEYS.active, task.id)) >= lease.started_at_ms + LEASE_MS


async def test_renew_resurrects_nothing_when_task_is_settled(store: TestStore) -> None:
    task = make_task()
    await store.enqueue(task)
    worker = store.worker()
    lease = await worker.lease_one(task)
    await worker.settlements.complete([Success(lease, 1)])
    assert await worker.leases.renew([lease]) == [Reply.STALE]
    assert await store.state(task) is TaskState.COMPLETED


async def test_release_gives_task_back_without_costing_an_attempt(store: TestStore) -> None:
    task = make_task()
    await store.enqueue(task)
    worker = store.worker()
    first = await worker.lease_one(task)
    assert await worker.leases.release([first]) == [Reply.DONE]
    assert await store.state(task) is TaskState.PENDING
    second = await store.worker("worker-2").lease_one(task)
    assert second.attempt == 1
    assert second.token > first.token


async def test_released_tasks_keep_their_place_and_their_time_of_entry(store: TestStore) -> None:
    tasks = [make_task() for _ in range(6)]
    await store.enqueue(*tasks)
    before = (await read_keyspace(store.server))[KEYS.pending]
    worker = store.worker()
    leases = await worker.lease(limit=4)
    await worker.leases.release([leases[2], leases[0], leases[3], leases[1]])
    assert (await read_keyspace(store.server))[KEYS.pending] == before
    again = await store.worker("worker-2").lease(limit=6)
    assert [lease.task.id for lease in again] == [task.id for task in tasks]
    assert [lease.entered_at_ms for lease in again[:4]] == [lease.entered_at_ms for lease in leases]


async def test_released_attempt_is_stale_when_it_settles_after_all(store: TestStore) -> None:
    task = make_task()
    await store.enqueue(task)
    worker = store.worker()
    first = await worker.lease_one(task)
    await worker.leases.release([first])
    await store.worker("worker-2").lease_one(task)
    before = await read_keyspace(store.server)
    assert await worker.settlements.complete([Success(first, 1)]) == [Reply.STALE]
    assert await worker.settlements.fail([Failure(first, 1, "no")]) == [Reply.STALE]
    assert await worker.leases.renew([first]) == [Reply.STALE]
    assert await worker.leases.release([first]) == [Reply.STALE]
    assert await worker.leases.report_progress([(first, b"1")]) == [Reply.STALE]
    assert await read_keyspace(store.server) == before


async def test_release_of_nothing_wakes_another_worker_when_tasks_are_pending(store: TestStore) -> None:
    await store.enqueue(make_task())
    await store.server.command("DEL", KEYS.wake)
    await store.worker().leases.pass_wakeup_on(["default", "empty"])
    assert await store.server.command("LLEN", KEYS.wake) == 1
    assert await store.server.command("LLEN", queue_keys("empty").wake) == 0


async def test_progress_is_seen_while_task_runs_and_gone_when_it_is_done(store: TestStore) -> None:
    task = make_task()
    await store.enqueue(task)
    worker = store.worker()
    lease = await worker.lease_one(task)
    assert await worker.leases.report_progress([(lease, b'{"done":3}')]) == [Reply.DONE]
    running = await store.reader.find(task.id, ["default"])
    assert running is not None
    assert running.progress == b'{"done":3}'
    await worker.settlements.complete([Success(lease, 1, b'"result"')])
    done = await store.reader.find(task.id, ["default"])
    assert done is not None
    assert (done.progress, done.result) == (None, b'"result"')
