from __future__ import annotations

from queuecore.domain.state import TaskState
from queuecore.errors import StoreUnavailable
from queuecore.testing.builders import make_task
from queuecore.testing.keyspace import read_keyspace
from queuecore.testing.store import TestStore

MINUTE_MS = 60_000


async def test_lease_changes_nothing_when_its_caller_has_given_up_waiting(store: TestStore) -> None:
    worker = store.worker()
    await worker.lease()
    await store.enqueue(make_task())
    before = await read_keyspace(store.server)

    # As if the call had been sent a minute ago and had only now reached the server.
    worker.leases._clock_offsets_ms["default"] -= MINUTE_MS
    (answer,) = await worker.leases.lease([("default", 10)])

    assert isinstance(answer, StoreUnavailable)
    assert await read_keyspace(store.server) == before


async def test_lease_succeeds_again_when_the_servers_clock_was_set_forward(store: TestStore) -> None:
    worker = store.worker()
    await worker.lease()
    task = make_task()
    await store.enqueue(task)

    worker.leases._clock_offsets_ms["default"] -= MINUTE_MS
    await worker.leases.lease([("default", 10)])

    assert [lease.task.id for lease in await worker.lease()] == [task.id]
    assert await store.state(task) is TaskState.ACTIVE


async def test_lease_succeeds_when_the_servers_clock_was_set_back(store: TestStore) -> None:
    worker = store.worker()
    await worker.lease()
    await store.enqueue(make_task())

    worker.leases._clock_offsets_ms["default"] += MINUTE_MS

    assert len(await worker.lease()) == 1
