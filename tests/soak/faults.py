"""Random fault injection, one fault at a time."""

from __future__ import annotations

import asyncio
import random
import resource
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable

import httpx

from queuecore.embedded import HOST
from tests.faults.services.open_connections import open_connections
from tests.support.service_process import ServiceProcess, plain_http
from tests.support.system import System

WORKERS = 3
SCHEDULERS = 2
LEASE_S = 2.0

_PAUSES_S = (0.5, 3.0)
"""Pause between two faults."""
_FREEZE_S = 2 * LEASE_S
_STORE_OUTAGE_S = (0.5, 10.0)
_CONNECTIONS = 10_000
_SPARE_FILES = 1_000
_LIVE_WITHIN_S = 10.0


class Faults:
    """Injects faults into a system and restarts its processes.

    Args:
        system: with a running server.
        dice: selects faults, targets and durations.
    """

    def __init__(self, system: System, dice: random.Random) -> None:
        self._system = system
        self._dice = dice
        self._workers: list[ServiceProcess] = []
        self._schedulers: list[ServiceProcess] = []
        self.injected: Counter[str] = Counter()
        self.unresponsive: list[str] = []
        """Violations: probes that the API did not answer."""
        self._kinds: dict[str, tuple[int, Callable[[], Awaitable[None]]]] = {
            "worker killed": (6, self._kill_worker),
            "worker frozen": (4, self._freeze_worker),
            "worker stopped": (4, self._stop_worker),
            "scheduler killed": (2, self._kill_scheduler),
            "api killed": (1, self._kill_api),
            "api stopped": (1, self._stop_api),
            "store frozen": (2, self._freeze_store),
            "store killed": (2, self._kill_store),
            "scripts flushed": (3, self._flush_scripts),
            "connections cut": (4, self._cut_connections),
            "connections flooded": (1, self._flood_api),
        }

    async def start_missing(self) -> None:
        """Start missing processes, including workers ended by handlers."""
        self._workers = [worker for worker in self._workers if not worker.ended]
        self._workers += await self._system.start_workers(
            WORKERS - len(self._workers),
            TASKYARD_WORKER_LEASE=f"{LEASE_S}s",
            TASKYARD_WORKER_SLOTS="30",
            TASKYARD_WORKER_DRAIN="1s",
        )
        self._schedulers = [scheduler for scheduler in self._schedulers if not scheduler.ended]
        while len(self._schedulers) < SCHEDULERS:
            self._schedulers.append(await self._system.start_scheduler())
        if not self.injected:
            self._api = await self._system.start_api()

    @property
    def api_url(self) -> str:
        """URL of the API, also after restarts."""
        return self._api.url

    async def run_until(self, ends_at_s: float) -> None:
        """Inject faults until a time of the monotonic clock."""
        weights = [weight for weight, _ in self._kinds.values()]
        while time.monotonic() < ends_at_s:
            await asyncio.sleep(self._dice.uniform(*_PAUSES_S))
            (name,) = self._dice.choices(list(self._kinds), weights)
            self.injected[name] += 1
            await self._kinds[name][1]()
            await self.start_missing()

    async def _kill_worker(self) -> None:
        self._dice.choice(self._workers).kill()

    async def _freeze_worker(self) -> None:
        worker = self._dice.choice(self._workers)
        if not worker.ended:
            worker.send(signal.SIGSTOP)
            await asyncio.sleep(_FREEZE_S)
            worker.send(signal.SIGCONT)

    async def _stop_worker(self) -> None:
        worker = self._dice.choice(self._workers)
        if not worker.ended:
            await self._system.stop(worker)

    async def _kill_scheduler(self) -> None:
        self._dice.choice(self._schedulers).kill()

    async def _kill_api(self) -> None:
        self._api.kill()
        await self._restart_api()

    async def _stop_api(self) -> None:
        await self._system.stop(self._api)
        await self._restart_api()

    async def _restart_api(self) -> None:
        self._api = await self._system.start_api(self._api.port)

    async def _freeze_store(self) -> None:
        self._system.valkey.pause()
        await asyncio.sleep(self._dice.uniform(*_STORE_OUTAGE_S))
        self._system.valkey.resume()

    async def _kill_store(self) -> None:
        self._system.valkey.kill()
        await asyncio.sleep(self._dice.uniform(*_STORE_OUTAGE_S))
        self._system.valkey.start()

    async def _flush_scripts(self) -> None:
        await self._system.store.server.command("SCRIPT", "FLUSH")

    async def _cut_connections(self) -> None:
        kind = self._dice.choice(["normal", "pubsub"])
        await self._system.store.server.command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")

    async def _flood_api(self) -> None:
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        async with open_connections(HOST, self._api.port, max(1, min(_CONNECTIONS, files - _SPARE_FILES))):
            try:
                async with plain_http(self._api.url, _LIVE_WITHIN_S) as http:
                    (await http.get("/live")).raise_for_status()
            except httpx.HTTPError as error:
                self.unresponsive.append(f"the api did not answer during a flood of connections: {error!r}")
