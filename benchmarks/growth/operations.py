"""Server time of single operations."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from benchmarks.growth.system_under_test import numbered
from queuecore.store.attempts.settlement import Success
from queuecore.testing.store import TestStore

_BATCH = 100
"""Maximum; a batch is never larger than the tasks of a round."""
_ROUNDS = 3


class ServerTime:
    """Microseconds that the server's single thread spent in scripts.

    The server counts them, so the client and other load on the machine are excluded.
    """

    def __init__(self, store: TestStore) -> None:
        self._store = store

    async def of(self, operation: Callable[[], Awaitable[Any]], tasks: int) -> float:
        """Microseconds per task of an operation on a number of tasks."""
        before = await self._spent()
        await operation()
        return (await self._spent() - before) / tasks

    async def least_of(self, operation: Callable[[], Awaitable[Any]], tasks: int) -> float:
        """The same for a repeatable operation: the minimum of three runs."""
        return min([await self.of(operation, tasks) for _ in range(_ROUNDS)])

    async def _spent(self) -> int:
        stats: dict[str, Any] = await self._store.server.client.info("commandstats")
        return sum(stats[name]["usec"] for name in ("cmdstat_evalsha", "cmdstat_eval") if name in stats)


async def measure_operations(store: TestStore, ids: list[str], count: int) -> dict[str, float]:
    """Microseconds of server time per task and operation: the minimum of three rounds, to exclude other load.

    Args:
        ids: all pending tasks, in order, at least ``10 * count``; some are cancelled and deleted.
        count: tasks per operation and round.
    """
    # Rounds lease from the front of the queue.
    later = ids[len(ids) // 3 :]
    rounds = [await _measure_once(store, later[number::_ROUNDS], count) for number in range(_ROUNDS)]
    return {name: min(each[name] for each in rounds) for name in rounds[0]}


async def _measure_once(store: TestStore, ids: list[str], count: int) -> dict[str, float]:
    clock = ServerTime(store)
    # Spread over the whole backlog.
    chosen = ids[:: max(1, len(ids) // (2 * count))]
    cancelled, deleted = chosen[:count], chosen[count : 2 * count]
    batches, each = max(1, count // _BATCH), min(count, _BATCH)
    enqueue = partial(_enqueue, store)
    await enqueue(count, 1)
    return {
        "enqueue": await clock.of(partial(enqueue, count, 1), count),
        "enqueue, batch of 100": await clock.of(partial(enqueue, batches, each), batches * each),
        "cancel": await clock.of(partial(_change, store.control.cancel, cancelled), len(cancelled)),
        "delete": await clock.of(partial(_change, store.control.delete, deleted), len(deleted)),
        "count (scrape)": await clock.of(partial(_count, store, count), count),
        "lease and complete, 100 at once": await clock.of(partial(_work, store, batches, each), batches * each),
    }


async def _enqueue(store: TestStore, calls: int, each: int) -> None:
    for _ in range(calls):
        await store.enqueue(*(numbered(number) for number in range(each)))


async def _change(change: Callable[[str, str], Awaitable[Any]], ids: list[str]) -> None:
    for task_id in ids:
        await change("default", task_id)


async def _count(store: TestStore, calls: int) -> None:
    for _ in range(calls):
        await store.queues.stats(["default"])


async def _work(store: TestStore, calls: int, each: int) -> None:
    worker = store.worker()
    for _ in range(calls):
        leases = await worker.lease(each)
        await worker.settlements.complete([Success(lease, 1) for lease in leases])
