from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import pytest

from queuecore.embedded import EmbeddedValkey
from queuecore.testing.collector import Collector, http_collector
from queuecore.testing.waiting import eventually
from tests.support.service_process import ServiceProcess, running

StartWorker = Callable[..., ServiceProcess]

CALLERS_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLERS_SPAN = "00f067aa0ba902b7"


def tracing_variables(collector: Collector, **more: str) -> dict[str, str]:
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.endpoint, "OTEL_BSP_SCHEDULE_DELAY": "50", **more}


def worker_variables(queue: str) -> dict[str, str]:
    return {
        "TASKYARD_WORKER_APPS": "tests.integration.traces.handlers",
        "TASKYARD_WORKER_QUEUES": queue,
        "TASKYARD_WORKER_PROCESSES": "1",
        "TASKYARD_WORKER_LEASE": "1s",
    }


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    """A server of these tests alone: their scheduler and worker must not touch the tasks of others."""
    with EmbeddedValkey(tmp_path_factory.mktemp("valkey"), append_only=False) as server:
        yield server


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    with http_collector() as started:
        yield started


@pytest.fixture(scope="session")
def scheduler(
    valkey: EmbeddedValkey, collector: Collector, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServiceProcess]:
    log = tmp_path_factory.mktemp("scheduler") / "log"
    with running("queuescheduler", valkey.url, log, **tracing_variables(collector)) as started:
        yield started


@pytest.fixture(scope="session")
def worker(
    valkey: EmbeddedValkey, collector: Collector, scheduler: ServiceProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServiceProcess]:
    """Serves the queue `default`."""
    assert scheduler.process.poll() is None
    variables = {**worker_variables("default"), **tracing_variables(collector), "TASKYARD_WORKER_LEASE": "1h"}
    with running("queueworker", valkey.url, tmp_path_factory.mktemp("worker") / "log", **variables) as started:
        yield started


@pytest.fixture
def start_worker(valkey: EmbeddedValkey, tmp_path: Path) -> Iterator[StartWorker]:
    """Starts workers on a queue, with the shortest leases; ends them after the test."""
    with ExitStack() as stack:

        def start(queue: str, collector: Collector, **environ: str) -> ServiceProcess:
            log = tmp_path / f"worker-{len(list(tmp_path.glob('worker-*')))}.log"
            variables = {**worker_variables(queue), **tracing_variables(collector), **environ}
            return stack.enter_context(running("queueworker", valkey.url, log, **variables))

        yield start


@pytest.fixture(scope="session")
def api(
    valkey: EmbeddedValkey, collector: Collector, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServiceProcess]:
    log = tmp_path_factory.mktemp("api") / "log"
    with running(
        "queueapi", valkey.url, log, **tracing_variables(collector), TASKYARD_API_UNKNOWN_TYPES="accept"
    ) as started:
        yield started


class Caller:
    """Calls the api, in a trace of its own or in none."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def post(self, task_type: str, traceparent: str | None = None, **fields: Any) -> str:
        """Enqueue a task; its id."""
        headers = {"traceparent": traceparent} if traceparent else {}
        answer = await self.client.post(
            "/api/v1/tasks", json={"type": task_type, "payload": {}, **fields}, headers=headers
        )
        assert answer.status_code == 201, answer.text
        return str(answer.json()["task_id"])

    async def read(self, task_id: str, queue: str = "default") -> dict[str, Any]:
        """The task as the api shows it."""
        answer = await self.client.get(f"/api/v1/tasks/{task_id}", params={"queue": queue})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def until(self, task_id: str, state: str, queue: str = "default") -> dict[str, Any]:
        """The task once it is in a state."""

        async def look() -> bool:
            return bool((await self.read(task_id, queue))["state"] == state)

        await eventually(look)
        return await self.read(task_id, queue)


@pytest.fixture
async def caller(api: ServiceProcess) -> AsyncIterator[Caller]:
    async with httpx.AsyncClient(base_url=api.url, trust_env=False) as client:
        yield Caller(client)
