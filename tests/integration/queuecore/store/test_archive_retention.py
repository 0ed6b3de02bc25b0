from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest

from queuecore.domain.task import ARCHIVE_RETENTION_MS, Task
from queuecore.store.attempts.settlement import Failure
from queuecore.store.queues.settings import QueueSettings
from queuecore.testing.builders import make_task
from queuecore.testing.store import TestStore

MINUTE_MS, HOUR_MS, DAY_MS = 60_000, 3_600_000, 24 * 3_600_000


async def by_cancel(store: TestStore, task: Task) -> None:
    await store.control.cancel("default", task.id)


async def by_failure(store: TestStore, task: Task) -> None:
    worker = store.worker()
    await worker.settlements.fail([Failure(await worker.lease_one(task), 1, "no")])


async def by_release(store: TestStore, task: Task) -> None:
    worker = store.worker()
    lease = await worker.lease_one(task)
    await store.control.cancel("default", task.id)
    await worker.leases.release([lease])


async def by_loss(store: TestStore, task: Task) -> None:
    await store.worker().lease_one(task)
    await store.expire_lease(task)
    await store.reclaim()


@pytest.mark.parametrize("archive", [by_cancel, by_failure, by_release, by_loss])
@pytest.mark.parametrize(
    ("own_ms", "of_queue_ms", "default_ms", "effective_ms"),
    [
        (None, None, ARCHIVE_RETENTION_MS, ARCHIVE_RETENTION_MS),
        (None, None, DAY_MS, DAY_MS),
        (None, HOUR_MS, DAY_MS, HOUR_MS),
        (MINUTE_MS, HOUR_MS, DAY_MS, MINUTE_MS),
        (ARCHIVE_RETENTION_MS, HOUR_MS, DAY_MS, ARCHIVE_RETENTION_MS),
    ],
)
async def test_archived_task_is_kept_for_its_own_retention_else_for_that_of_the_queue_else_for_the_default(
    store: TestStore,
    archive: Callable[[TestStore, Task], Awaitable[None]],
    own_ms: int | None,
    of_queue_ms: int | None,
    default_ms: int,
    effective_ms: int,
) -> None:
    await store.queue_control.configure("default", QueueSettings(archive_retention_ms=of_queue_ms))
    task = make_task(max_retries=0, archive_retention_ms=own_ms, default_archive_retention_ms=default_ms)
    await store.enqueue(task)
    await archive(store, task)
    found = await store.reader.find(task.id, ["default"])
    assert found is not None
    assert found.state_at_ms - (found.ended_at_ms or 0) == effective_ms


async def test_settings_are_replaced_as_a_whole(store: TestStore) -> None:
    await store.queue_control.configure("default", QueueSettings(HOUR_MS, DAY_MS))
    assert await store.queue_control.settings("default") == QueueSettings(HOUR_MS, DAY_MS)
    await store.queue_control.configure("default", QueueSettings(priority_ageing_ms=0))
    assert await store.queue_control.settings("default") == QueueSettings(None, 0)
