"""The link to the server is slow for the bytes that are sent."""

from __future__ import annotations

import asyncio
from typing import Any

from queuecore.domain.state import TaskState
from queuecore.domain.task import Task
from queuecore.store.attempts.leases import Lease
from queuecore.store.attempts.settlement import Success
from queuecore.store.scripts.replies import Reply
from queuecore.store.tasks.enqueue import Enqueue, Enqueued
from queuecore.testing.builders import make_task
from queuecore.testing.proxy import FaultyProxy
from queuecore.testing.store import TestStore

MIB = 1024 * 1024
LINK_BYTES_PER_S = 8 * MIB
LARGE = b'{"data":"%s"}' % (b"x" * (MIB - 11))
TASKS = 24
"""Their megabytes take more than twice the timeout of a call."""


async def leased(store: TestStore, number: int) -> list[Lease]:
    await store.enqueue(*(make_task() for _ in range(number)))
    return await store.worker().lease(limit=number)


async def test_large_results_are_settled_in_one_pass_when_the_link_is_slow(
    patient_store: TestStore, far_store: TestStore, proxy: FaultyProxy
) -> None:
    leases = await leased(patient_store, TASKS)
    proxy.bytes_per_s = LINK_BYTES_PER_S
    replies = await far_store.worker().settlements.complete([Success(lease, 1, LARGE) for lease in leases])
    assert replies == [Reply.DONE] * TASKS
    assert proxy.sent_bytes < (TASKS + 3) * MIB


async def test_large_tasks_are_enqueued_in_one_pass_when_the_link_is_slow(
    far_store: TestStore, proxy: FaultyProxy
) -> None:
    proxy.bytes_per_s = LINK_BYTES_PER_S
    tasks = [make_task(payload=LARGE) for _ in range(TASKS)]
    answers = await far_store.enqueuer.enqueue([Enqueue(task) for task in tasks])
    assert answers == [Enqueued(task.id, TaskState.PENDING) for task in tasks]


async def test_large_progress_is_reported_when_the_link_is_slow(
    patient_store: TestStore, far_store: TestStore, proxy: FaultyProxy
) -> None:
    leases = await leased(patient_store, TASKS)
    proxy.bytes_per_s = LINK_BYTES_PER_S
    replies = await far_store.worker().leases.report_progress([(lease, LARGE) for lease in leases])
    assert replies == [Reply.DONE] * TASKS


async def test_large_tasks_are_leased_a_few_at_a_time_when_the_link_is_slow(
    patient_store: TestStore, far_store: TestStore, proxy: FaultyProxy
) -> None:
    await patient_store.enqueue(*(make_task(payload=LARGE, max_retries=0) for _ in range(TASKS)))
    proxy.bytes_per_s = LINK_BYTES_PER_S
    worker = far_store.worker()
    calls = [await worker.lease_call(limit=200) for _ in range(TASKS)]
    assert [len(leased.leases) for leased in calls] == [1] * TASKS


async def test_one_large_result_is_settled_when_it_takes_longer_than_the_timeout(
    patient_store: TestStore, far_store: TestStore, proxy: FaultyProxy
) -> None:
    (lease,) = await leased(patient_store, 1)
    proxy.bytes_per_s = 4 * MIB
    replies = await far_store.worker().settlements.complete([Success(lease, 1, LARGE * 8)])
    assert replies == [Reply.DONE]


async def test_one_large_task_is_leased_when_it_takes_longer_than_the_timeout(
    patient_store: TestStore, far_store: TestStore, proxy: FaultyProxy
) -> None:
    task: Task = make_task(payload=LARGE * 8)
    await patient_store.enqueue(task)
    proxy.bytes_per_s = 4 * MIB
    assert (await far_store.worker().lease_one(task)).task == task


async def test_connection_is_aborted_when_a_call_times_out(far_store: TestStore, proxy: FaultyProxy) -> None:
    await far_store.enqueue(make_task())
    proxy.bytes_per_s = 1
    client: Any = far_store.server.client
    transport = client.connection_pool._available_connections[0]._writer.transport
    await far_store.enqueuer.enqueue([Enqueue(make_task(payload=LARGE * 8))])
    assert transport.is_closing()
    assert transport.get_write_buffer_size() == 0
    proxy.bytes_per_s = 0
    await asyncio.gather(*(far_store.enqueue(make_task()) for _ in range(3)))
