from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from queuecore.errors import KeyDamaged, StoreError, StoreUnavailable
from queuecore.store.client.server import BatchReply
from queuecore.store.queues.overview import QUEUES_PER_CALL, OverviewReader
from queuecore.store.scripts.call import Call

INFO = {"used_memory": 1, "connected_clients": 1, "total_commands_processed": 1, "evicted_keys": 0, "role": "master"}


class Server:
    """A store of queues; ``sizes`` has the number of queues of each call."""

    def __init__(self, queues: int, *, is_cluster: bool = False) -> None:
        self.queues = [f"queue-{place:03}" for place in range(queues)]
        self.replies: dict[str, Any] = {}
        self.is_cluster = is_cluster
        self.sizes: list[int] = []
        self.now_ms = 1_000

    def _reply(self, call: Call) -> Any:
        self.now_ms += 1
        return self.replies.get(call.queue) or reply(self.now_ms)

    async def run_all(self, calls: Sequence[Call]) -> list[Any]:
        self.sizes.append(len(calls))
        return [self._reply(call) for call in calls]

    async def run_with_infos(self, calls: Sequence[Call], commands: Sequence[Any]) -> BatchReply:
        assert len(commands) == 2
        return BatchReply(await self.run_all(calls), [[name.encode() for name in self.queues], []], [INFO])


def reply(now_ms: int, oldest_pending_ms: int = -1, enqueued: int = 1) -> list[Any]:
    waiting = int(oldest_pending_ms >= 0)
    totals = [b"enqueued:demo", b"%d" % enqueued]
    return [now_ms, [waiting, 0, 0, 0, 0, 0], oldest_pending_ms, [0, 0, 0], totals, -1, -1, 0, 0, b""]


def reader_of(server: Server) -> OverviewReader:
    return OverviewReader(cast("Any", server))


async def test_overview_reads_a_bounded_number_of_queues_per_call() -> None:
    server = Server(2 * QUEUES_PER_CALL + 1)
    reader = reader_of(server)

    await reader.read()
    assert server.sizes == [0, QUEUES_PER_CALL, QUEUES_PER_CALL, 1]
    server.sizes.clear()
    overview = await reader.read()

    assert server.sizes == [QUEUES_PER_CALL, QUEUES_PER_CALL, 1]
    assert [each.queue for each in overview.queues] == server.queues


async def test_overview_has_the_same_statistics_of_a_queue_when_nothing_changed() -> None:
    server = Server(3)
    server.replies["queue-001"] = reply(1_000)
    reader = reader_of(server)
    first = await reader.read()
    server.replies["queue-001"] = reply(2_000, enqueued=2)

    second = await reader.read()

    assert [new is old for new, old in zip(second.queues, first.queues, strict=True)] == [True, False, True]
    assert second.queues[1].totals.enqueued == {"demo": 2}


async def test_overview_keeps_the_age_of_the_oldest_pending_task_current() -> None:
    server = Server(1)
    server.replies["queue-000"] = reply(5_000, oldest_pending_ms=1_000)
    reader = reader_of(server)
    (first,) = (await reader.read()).queues
    server.replies["queue-000"] = reply(9_000, oldest_pending_ms=1_000)

    (second,) = (await reader.read()).queues

    assert (first.oldest_pending_ms, second.oldest_pending_ms) == (4_000, 8_000)
    assert second.totals is first.totals


async def test_overview_has_no_queue_that_has_gone() -> None:
    server = Server(QUEUES_PER_CALL + 2)
    reader = reader_of(server)
    await reader.read()
    server.queues = server.queues[1:]

    overview = await reader.read()

    assert [each.queue for each in overview.queues] == server.queues


async def test_overview_fails_when_the_store_goes_away_between_two_calls() -> None:
    server = Server(QUEUES_PER_CALL + 2)
    server.replies[server.queues[-1]] = StoreUnavailable("away")

    with pytest.raises(StoreUnavailable):
        await reader_of(server).read()


@pytest.mark.parametrize(
    ("error", "is_cluster"), [(KeyDamaged("no list"), False), (StoreUnavailable("a node is away"), True)]
)
async def test_overview_leaves_out_queues_that_cannot_be_read(error: StoreError, is_cluster: bool) -> None:
    server = Server(QUEUES_PER_CALL + 2, is_cluster=is_cluster)
    server.replies[server.queues[-1]] = error

    overview = await reader_of(server).read()

    assert [each.queue for each in overview.queues] == server.queues[:-1]
    assert overview.readiness is error
