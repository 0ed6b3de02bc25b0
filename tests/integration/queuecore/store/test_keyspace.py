from __future__ import annotations

import asyncio

from queuecore.domain.task import Task
from queuecore.store.attempts.settlement import Failure
from queuecore.testing.builders import make_task
from queuecore.testing.keyspace import find_contradictions, read_keyspace
from queuecore.testing.store import TestStore

_ROUNDS = 100


async def test_keyspace_has_no_contradictions_when_a_task_changes_state_while_it_is_read(store: TestStore) -> None:
    task = make_task()
    await store.enqueue(task)
    moving = asyncio.create_task(_move(store, task))
    found = []
    while not moving.done():
        found += find_contradictions(await read_keyspace(store.server))
    await moving

    assert found == []


async def _move(store: TestStore, task: Task) -> None:
    """Move the task from pending to active to retry and back, again and again."""
    worker = store.worker()
    for _ in range(_ROUNDS):
        lease = await worker.lease_one(task)
        await worker.settlements.fail([Failure(lease, 1, "", retry_in_ms=0)])
        await store.maintenance.promote([task.queue])
