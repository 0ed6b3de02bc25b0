from __future__ import annotations

from pathlib import Path

from queuecore.embedded import EmbeddedValkey
from queuecore.store.queues.directory import WorkerStatus
from queuecore.testing.builders import make_task
from queuecore.testing.store import TestStore
from queuecore.testing.waiting import eventually
from tests.support.kubernetes.pool_namespace import PoolNamespace
from tests.support.service_process import running


def worker_status(pod: str, busy: int) -> WorkerStatus:
    return WorkerStatus(
        worker=f"{pod}:1", pod=pod, queues=["default"], types=["demo"], slots=10, busy=busy, started_at_ms=1
    )


async def test_pool_scales_from_the_metrics_of_the_real_api(
    reconciled: PoolNamespace, valkey: EmbeddedValkey, store: TestStore, tmp_path: Path
) -> None:
    await reconciled.create_deployment(1)
    with running("queueapi", valkey.url, tmp_path / "api.log") as api:
        await store.enqueue(*(make_task(id=f"task-{number}", queue="default") for number in range(25)))
        await reconciled.create_pool(metrics={"endpoint": f"{api.url}/metrics"})
        await reconciled.wait_for_replicas(3)
        await eventually(lambda: _has_pods(reconciled, 3))
        pods = await reconciled.pods()
        assert (await reconciled.status())["pending"] == 25

        for number, pod in enumerate(pods):
            await store.directory.beat(worker_status(pod, busy=int(number == 0)), ttl_ms=60_000)
        for number in range(25):
            await store.control.delete("default", f"task-{number}")

        await reconciled.wait_for_replicas(1)
        await eventually(lambda: reconciled.pods_are(pods[:1]))


async def _has_pods(namespace: PoolNamespace, number: int) -> bool:
    return len(await namespace.pods()) == number
