"""A running system as in a cluster: two replicas of the API and one without access to the store, a scheduler, a worker,
and a controller with a WorkerPool."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx

from queuecore.domain.state import TaskState
from queuecore.embedded import HOST, EmbeddedValkey, find_free_port
from queuecore.store.scripts.keys import queue_keys
from queuecore.testing.builders import make_task
from queuecore.testing.store import TestStore
from queuecore.testing.waiting import eventually
from tests.monitoring.waiting import wait_until
from tests.support.kubernetes.cluster import KubeServer, running_stand_in
from tests.support.kubernetes.controller import running_controller
from tests.support.kubernetes.kube_client import KubeClient
from tests.support.kubernetes.pool_namespace import PoolNamespace
from tests.support.kubernetes.queue_api import Queues
from tests.support.kubernetes.replica_sets import ReplicaSets
from tests.support.service_process import ServiceProcess, running

NAMESPACE = "default"
SLOTS = 20
PARKED, LIMITED, LOST, UNSYNCED = "parked", "limited", "lost", "unsynced"
"""Queues that no worker serves."""
DEMO = {"type": "demo", "payload": {"message": "hi", "count": 1}}


class LiveSystem:
    """The running services."""

    def __init__(
        self,
        valkey: EmbeddedValkey,
        apis: list[ServiceProcess],
        scheduler: ServiceProcess,
        worker: ServiceProcess,
        controller: ServiceProcess,
    ) -> None:
        self.valkey = valkey
        self.apis = apis
        self.controller = controller
        self.urls = {f"api-{number}": api.url for number, api in enumerate(apis)}
        self.urls |= {"scheduler-0": scheduler.url, "worker-0": worker.url, "controller-0": controller.url}

    def scrape_configs(self) -> list[dict[str, Any]]:
        """Scrape targets like those of the chart's monitors: a job for the API, one for the rest, namespace and pod."""
        apis = [self._target(pod) for pod in self.urls if pod.startswith("api-")]
        others = [self._target(pod) for pod in self.urls if not pod.startswith("api-")]
        return [
            {"job_name": "taskyard-api", "static_configs": apis},
            {"job_name": "taskyard-background", "honor_labels": True, "static_configs": others},
        ]

    def metrics(self, pod: str) -> str:
        """The exposition of a pod."""
        return httpx.get(f"{self.urls[pod]}/metrics", trust_env=False).text

    def has_reconciled(self) -> bool:
        """Whether the controller has reconciled its WorkerPool."""
        try:
            return "taskyard_workerpool_replicas{" in self.metrics("controller-0")
        except httpx.TransportError:
            return False

    def work(self) -> None:
        """Post tasks of every kind, read them, send invalid requests, and wait until all tasks have ended that can."""
        with httpx.Client(base_url=self.apis[0].url, trust_env=False) as http:
            ids = [_post(http, each) for each in _tasks()]
            for task_id in ids[:3]:
                assert http.get(f"/api/v1/tasks/{task_id}").status_code == 200
            assert http.get("/api/v1/tasks/nobody").status_code == 404
            cancelled = _post(http, {**DEMO, "queue": PARKED})
            assert http.post(f"/api/v1/tasks/{cancelled}/cancel").status_code == 200
            assert http.put(f"/api/v1/queues/{LIMITED}/limits", json={"max_depth": 3, "max_bytes": 2**20}).is_success
            answers = [http.post("/api/v1/tasks", json={**DEMO, "queue": LIMITED}).status_code for _ in range(5)]
            assert 429 in answers
            asyncio.run(self._need(UNSYNCED, "fsync"))
            assert http.post("/api/v1/tasks", json={**DEMO, "queue": UNSYNCED}).status_code == 503
            # The call waits for replicas, of which there are none, and its task is refused by the limit.
            asyncio.run(self._need(LIMITED, "replicas:1"))
            assert http.post("/api/v1/tasks", json={**DEMO, "queue": LIMITED}).status_code == 429
        cut_off = httpx.post(f"{self.apis[2].url}/api/v1/tasks", json=DEMO, trust_env=False, timeout=20)
        assert cut_off.status_code == 503
        asyncio.run(self._lose_and_wait())

    async def _need(self, queue: str, durability: str) -> None:
        """Set a durability that the server does not provide, which the API would refuse to set."""
        store = TestStore(self.valkey.url)
        await store.server.command("HSET", queue_keys(queue).limits, "durability", durability)
        await store.close()

    async def _lose_and_wait(self) -> None:
        store = TestStore(self.valkey.url)
        try:
            archived = (await _counts(store, LOST)).get(TaskState.ARCHIVED, 0)
            task = make_task(queue=LOST)
            await store.enqueue(task)
            await store.worker(lease_ms=100).lease_one(task)

            async def all_ended() -> bool:
                lost, default = await _counts(store, LOST), await _counts(store, "default")
                waiting = default[TaskState.PENDING] + default[TaskState.ACTIVE] + default[TaskState.RETRY]
                return lost[TaskState.ARCHIVED] > archived and waiting == 0

            await eventually(all_ended)
        finally:
            await store.close()

    def _target(self, pod: str) -> dict[str, Any]:
        host = self.urls[pod].removeprefix("http://")
        return {"targets": [host], "labels": {"namespace": NAMESPACE, "pod": pod}}


@contextmanager
def running_system(folder: Path) -> Iterator[LiveSystem]:
    """Start all services, without load."""
    with ExitStack() as stack:
        valkey = stack.enter_context(EmbeddedValkey(folder / "valkey", config={"maxmemory": "256mb"}))
        nowhere = f"redis://{HOST}:{find_free_port()}"
        apis = [
            stack.enter_context(running("queueapi", url, folder / f"api-{number}.log"))
            for number, url in enumerate([valkey.url, valkey.url, nowhere])
        ]
        scheduler = stack.enter_context(
            running("queuescheduler", valkey.url, folder / "scheduler.log", TASKYARD_SCHEDULER_POISON_LOSSES="1")
        )
        worker = stack.enter_context(
            running(
                "queueworker",
                valkey.url,
                folder / "worker.log",
                TASKYARD_WORKER_QUEUES="critical:3,default",
                TASKYARD_WORKER_SLOTS=str(SLOTS),
                TASKYARD_WORKER_APPS="tests.monitoring.handlers",
            )
        )
        cluster = stack.enter_context(running_stand_in(folder))
        controller = stack.enter_context(running_controller(cluster.kubeconfig, folder / "controller.log"))
        cluster.background.call(lambda: cluster.background.keep(_keep_pool(cluster, apis[0].url)))
        live = LiveSystem(valkey, apis, scheduler, worker, controller)
        wait_until(live.has_reconciled, lambda: controller.log)
        yield live


async def _keep_pool(cluster: KubeServer, api_url: str) -> None:
    """A pool that needs more pods than its maximum when tasks are pending in the parked queue."""
    async with httpx.AsyncClient(base_url=cluster.url, headers=cluster.headers, trust_env=False) as http:
        client = KubeClient(http, NAMESPACE)
        replica_sets = ReplicaSets(client)
        running = asyncio.ensure_future(replica_sets.run())
        namespace = PoolNamespace(client, Queues(), api_url, replica_sets)
        await namespace.create_deployment(1)
        await namespace.create_pool(queues=[PARKED], maxReplicas=2, target={"tasksPerReplica": 1})
        await running


def _tasks() -> list[dict[str, Any]]:
    soon = {"base": "20ms", "max": "50ms"}
    failing = {"message": "hi", "count": 1, "fail_times": 1}
    return [
        *({**DEMO, "queue": queue} for queue in ("default", "critical", PARKED) for _ in range(10)),
        *({"type": kind, "payload": {"pages": 2}} for kind in ("report", "picture") for _ in range(5)),
        *({"type": "demo", "payload": failing, "retry_policy": soon} for _ in range(3)),
        {"type": "demo", "payload": failing, "max_retries": 0},
        {**DEMO, "retention": "10ms"},
        {**DEMO, "process_at": "2100-01-01T00:00:00Z"},
    ]


def _post(http: httpx.Client, task: dict[str, Any]) -> str:
    answer = http.post("/api/v1/tasks", json=task)
    assert answer.status_code == 201, answer.text
    task_id: str = answer.json()["task_id"]
    return task_id


async def _counts(store: TestStore, queue: str) -> dict[TaskState, int]:
    (stats,) = await store.queues.stats([queue])
    return dict(stats.counts)
