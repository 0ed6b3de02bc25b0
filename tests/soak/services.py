"""The services under load: their number stays the same, whatever ends them."""

from __future__ import annotations

import random
import signal

from queuecore.testing.waiting import eventually
from tests.support.recording_handlers import FAULT_EXIT_CODE
from tests.support.service_process import START_S, ServiceProcess
from tests.support.system import System

LEASE_S = 2.0
_WORKERS = 3
_SCHEDULERS = 2
_EXIT_CODES = (0, -signal.SIGKILL, FAULT_EXIT_CODE)
"""Of processes that were stopped, killed, or ended by a handler."""
_WORKER = {
    "TASKYARD_WORKER_LEASE": f"{LEASE_S}s",
    "TASKYARD_WORKER_SLOTS": "30",
    "TASKYARD_WORKER_DRAIN": "1s",
}


class Services:
    """Workers, schedulers and one API. Each of them reaches the store directly or through the link, at random.

    Args:
        system: with a running server.
        link_url: the server through the link that faults make slow.
        dice: selects processes and their way to the store.
    """

    def __init__(self, system: System, link_url: str, dice: random.Random) -> None:
        self._system = system
        self._urls = (system.valkey.url, link_url)
        self._dice = dice
        self._workers: list[ServiceProcess] = []
        self._schedulers: list[ServiceProcess] = []
        self._api: ServiceProcess | None = None
        self.violations: list[str] = []
        """Processes that ended though no fault ended them."""

    async def start_missing(self) -> None:
        """Start missing processes, including workers ended by handlers."""
        self._workers = self._still_running(self._workers)
        new = [self.launch_worker() for _ in range(_WORKERS - len(self._workers))]
        self._workers += new
        for worker in new:
            # A task may end its worker as soon as it has started.
            await eventually(lambda worker=worker: worker.ended or worker.logged("worker_started"), START_S)  # type: ignore[misc]
        self._schedulers = self._still_running(self._schedulers)
        while len(self._schedulers) < _SCHEDULERS:
            self._schedulers.append(await self._system.start_scheduler(**self._link()))
        if self._api is None or not self._still_running([self._api]):
            self._api = await self._system.start_api(self._api.port if self._api else 0, **self._link())

    def _still_running(self, processes: list[ServiceProcess]) -> list[ServiceProcess]:
        for each in processes:
            if each.ended and each.process.returncode not in _EXIT_CODES:
                self.violations.append(f"{each.log_path} ended with {each.process.returncode}")
        return [each for each in processes if not each.ended]

    @property
    def api(self) -> ServiceProcess:
        """The API, on the same port after restarts."""
        assert self._api is not None, "not started"
        return self._api

    def launch_worker(self) -> ServiceProcess:
        """Launch a worker beyond the others, without waiting for its start."""
        return self._system.launch_worker(**_WORKER, **self._link())

    def choose_worker(self) -> ServiceProcess:
        """One of the workers, which may have ended."""
        return self._dice.choice(self._workers)

    def choose_scheduler(self) -> ServiceProcess:
        """One of the schedulers."""
        return self._dice.choice(self._schedulers)

    def _link(self) -> dict[str, str]:
        return {"TASKYARD_REDIS_URL": self._dice.choice(self._urls)}
