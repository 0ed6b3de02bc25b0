from __future__ import annotations

from queuecore.store.queues.directory import WorkerStatus
from queuecore.store.queues.overview import OverviewReader
from queuecore.store.queues.readiness import Readiness
from queuecore.testing.builders import make_task
from queuecore.testing.store import TestStore

QUEUES = ["a", "b", "c", "d", "e", "f"]


async def test_overview_has_the_queues_and_servers_of_all_nodes(store: TestStore) -> None:
    await store.enqueue(*(make_task(queue=queue) for queue in QUEUES))
    await store.directory.beat(WorkerStatus("one", "pod", QUEUES, ["demo"], 10, 3, 1), 60_000)
    reader = OverviewReader(store.server)

    first, second = await reader.read(), await reader.read()

    for overview in (first, second):
        assert [each.queue for each in overview.queues] == QUEUES
        assert [each.worker for each in overview.workers] == ["one"]
        assert overview.readiness == Readiness(policy_known=True)
        assert overview.server is not None
        assert overview.server.clients >= 3
    assert first.server is not None
    assert second.server is not None
    assert second.server.commands > first.server.commands
