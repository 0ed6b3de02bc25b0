"""What is done to the processes, one fault at a time, at random."""

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
from tests.faults.services.http_crowd import crowd
from tests.support.service_process import ServiceProcess, plain_http
from tests.support.system import System

WORKERS = 3
SCHEDULERS = 2
LEASE_S = 2.0

_PAUSES_S = (0.5, 3.0)
"""Between two faults."""
_FREEZE_S = 2 * LEASE_S
_STORE_AWAY_S = (0.5, 10.0)
_CROWD = 10_000
_SPARE_FILES = 1_000
_LIVE_WITHIN_S = 10.0


class Faults:
    """Keeps a system manned and does it harm.

    Args:
        system: the server runs already.
        dice: decides what is done, to whom and for how long.
    """

    def __init__(self, system: System, dice: random.Random) -> None:
        self._system = system
        self._dice = dice
        self._workers: list[ServiceProcess] = []
        self._schedulers: list[ServiceProcess] = []
        self.injected: Counter[str] = Counter()
        self.deaf: list[str] = []
        """When the api did not answer although it should have."""
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
            "connections crowded": (1, self._crowd_api),
        }

    async def man(self) -> None:
        """Start what is missing: handlers end workers, too."""
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
        """Where the api is, this one and the next."""
        return self._api.url

    async def run_until(self, ends_at_s: float) -> None:
        """Do harm until then, by the monotonic clock."""
        weights = [weight for weight, _ in self._kinds.values()]
        while time.monotonic() < ends_at_s:
            await asyncio.sleep(self._dice.uniform(*_PAUSES_S))
            (name,) = self._dice.choices(list(self._kinds), weights)
            self.injected[name] += 1
            await self._kinds[name][1]()
            await self.man()

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
        await asyncio.sleep(self._dice.uniform(*_STORE_AWAY_S))
        self._system.valkey.resume()

    async def _kill_store(self) -> None:
        self._system.valkey.kill()
        await asyncio.sleep(self._dice.uniform(*_STORE_AWAY_S))
        self._system.valkey.start()

    async def _flush_scripts(self) -> None:
        await self._system.store.server.command("SCRIPT", "FLUSH")

    async def _cut_connections(self) -> None:
        kind = self._dice.choice(["normal", "pubsub"])
        await self._system.store.server.command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")

    async def _crowd_api(self) -> None:
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        async with crowd(HOST, self._api.port, max(1, min(_CROWD, files - _SPARE_FILES))):
            try:
                async with plain_http(self._api.url, _LIVE_WITHIN_S) as http:
                    (await http.get("/live")).raise_for_status()
            except httpx.HTTPError as error:
                self.deaf.append(f"the api was deaf in a crowd: {error!r}")
