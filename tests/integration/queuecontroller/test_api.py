from __future__ import annotations

from pathlib import Path

from queuecore.embedded import EmbeddedValkey
from queuecore.store.queues.directory import WorkerStatus
from queuecore.testing.builders import make_task
from queuecore.testing.store import TestStore
from queuecore.testing.waiting import eventually
from tests.support.kubernetes.pool_namespace import PoolNamespace
from tests.support.service_process import running


def working(pod: str, busy: int) -> WorkerStatus:
    return WorkerStatus(
        worker=f"{pod}:1", pod=pod, queues=["default"], types=["demo"], slots=10, busy=busy, started_at_ms=1
    )


async def test_pool_follows_the_real_api_when_tasks_come_and_go(
    kept: PoolNamespace, valkey: EmbeddedValkey, store: TestStore, tmp_path: Path
) -> None:
    await kept.create_deployment(1)
    with running("queueapi", valkey.url, tmp_path / "api.log") as api:
        await store.enqueue(*(make_task(id=f"task-{number}", queue="default") for number in range(25)))
        await kept.create_pool(metrics={"endpoint": f"{api.url}/metrics"})
        await kept.has(3)
        await eventually(lambda: _has_pods(kept, 3))
        pods = await kept.pods()
        assert (await kept.status())["pending"] == 25

        for number, pod in enumerate(pods):
            await store.registry.beat(working(pod, busy=int(number == 0)), ttl_ms=60_000)
        for number in range(25):
            await store.control.delete("default", f"task-{number}")

        await kept.has(1)
        await eventually(lambda: kept.pods_are(pods[:1]))


async def _has_pods(namespace: PoolNamespace, number: int) -> bool:
    return len(await namespace.pods()) == number
