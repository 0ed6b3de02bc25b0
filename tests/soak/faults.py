"""Random fault injection, one fault at a time."""

from __future__ import annotations

import asyncio
import random
import resource
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path

import httpx

from queuecore.embedded import HOST
from queuecore.testing.proxy import FaultyProxy
from tests.faults.services.open_connections import open_connections
from tests.soak.damage import Damage
from tests.soak.services import LEASE_S, Services
from tests.soak.store_clock import StoreClock
from tests.support.service_process import ServiceProcess, plain_http
from tests.support.system import System

_PAUSES_S = (0.5, 3.0)
"""Pause between two faults."""
_FREEZE_S = 2 * LEASE_S
_STORE_OUTAGE_S = (0.5, 10.0)
_SLOW_LINK_S = (3.0, 10.0)
_SLOW_LINK_BYTES_PER_S = (100_000, 2_000_000)
_CLOCK_S = (1.0, 8.0)
_CLOCK_OFFSETS_S = (1, 60)
"""Leases of the time when the clock is ahead may end that much later."""
_STOPPED_AFTER_S = (0.0, 1.5)
"""How long a worker has been starting when it is stopped."""
_CONNECTIONS = 10_000
_SPARE_FILES = 1_000
_LIVE_WITHIN_S = 10.0
_UPLOADS = 20
_BODY_BYTES = 1_000_000
_SIGTERM_BIT = 1 << (signal.SIGTERM - 1)


class Faults:
    """Injects faults into a system, and restarts its processes.

    Args:
        system: with a running server.
        services: its processes.
        proxy: the link of some of the services to the server.
        clock: the server's.
        damage: plants damaged keys.
        dice: selects faults, targets and durations.
    """

    def __init__(
        self,
        system: System,
        services: Services,
        proxy: FaultyProxy,
        clock: StoreClock,
        damage: Damage,
        dice: random.Random,
    ) -> None:
        self._system = system
        self._services = services
        self._proxy = proxy
        self._clock = clock
        self._damage = damage
        self._dice = dice
        self.injected: Counter[str] = Counter()
        self.violations: list[str] = []
        """Violations seen while a fault was injected."""
        self.kinds: dict[str, tuple[int, Callable[[], Awaitable[None]]]] = {
            "worker killed": (6, self._kill_worker),
            "worker frozen": (4, self._freeze_worker),
            "worker stopped": (4, self._stop_worker),
            "worker stopped early": (2, self._stop_starting_worker),
            "scheduler killed": (2, self._kill_scheduler),
            "scheduler frozen": (2, self._freeze_scheduler),
            "api killed": (1, self._kill_api),
            "api killed in uploads": (1, self._kill_api_in_uploads),
            "api stopped": (1, self._stop_api),
            "store frozen": (2, self._freeze_store),
            "store killed": (2, self._kill_store),
            "scripts flushed": (3, self._flush_scripts),
            "keys damaged": (4, self._damage.plant),
            "connections cut": (4, self._cut_connections),
            "connections flooded": (1, self._flood_api),
            "link slowed": (4, self._slow_link),
        }
        """Name -> weight, and the injection."""
        if clock.binary is not None:
            self.kinds["clock moved"] = (3, self._move_clock)

    async def run_until(self, ends_at_s: float) -> None:
        """Inject faults until a time of the monotonic clock."""
        weights = [weight for weight, _ in self.kinds.values()]
        while time.monotonic() < ends_at_s:
            await asyncio.sleep(self._dice.uniform(*_PAUSES_S))
            (name,) = self._dice.choices(list(self.kinds), weights)
            await self.inject(name)

    async def inject(self, name: str) -> None:
        """Inject one fault, and restart what it ended."""
        self.injected[name] += 1
        print(f"{datetime.now(UTC):%H:%M:%S} {name}", flush=True)
        await self.kinds[name][1]()
        await self._services.start_missing()

    async def _kill_worker(self) -> None:
        self._services.choose_worker().kill()

    async def _freeze_worker(self) -> None:
        await self._freeze(self._services.choose_worker())

    async def _stop_worker(self) -> None:
        worker = self._services.choose_worker()
        if not worker.ended:
            await self._system.stop(worker)

    async def _stop_starting_worker(self) -> None:
        worker = self._services.launch_worker()
        await asyncio.sleep(self._dice.uniform(*_STOPPED_AFTER_S))
        # Python itself takes some hundredths of a second until a signal can have a handler.
        valid = [0] if _handles_sigterm(worker) else [0, -signal.SIGTERM]
        code = await self._system.stop(worker)
        if code not in valid:
            self.violations.append(f"a worker stopped during its start exited with {code}: {worker.log_path}")

    async def _kill_scheduler(self) -> None:
        self._services.choose_scheduler().kill()

    async def _freeze_scheduler(self) -> None:
        await self._freeze(self._services.choose_scheduler())

    async def _freeze(self, service: ServiceProcess) -> None:
        service.send(signal.SIGSTOP)
        await asyncio.sleep(_FREEZE_S)
        service.send(signal.SIGCONT)

    async def _kill_api(self) -> None:
        self._services.api.kill()

    async def _kill_api_in_uploads(self) -> None:
        head = f"POST /api/v1/tasks HTTP/1.1\r\nHost: localhost\r\nContent-Length: {_BODY_BYTES}\r\n\r\n"
        start = head.encode() + b'{"type":"coroutine","payload":{"padding":"'
        async with open_connections(HOST, self._services.api.port, _UPLOADS) as connections:
            for connection in connections:
                connection.writer.write(start.ljust(self._dice.randrange(len(start), _BODY_BYTES), b"x"))
            self._services.api.kill()

    async def _stop_api(self) -> None:
        await self._system.stop(self._services.api)

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

    async def _slow_link(self) -> None:
        self._proxy.bytes_per_s = self._dice.randint(*_SLOW_LINK_BYTES_PER_S)
        await asyncio.sleep(self._dice.uniform(*_SLOW_LINK_S))
        self._proxy.bytes_per_s = 0

    async def _move_clock(self) -> None:
        self._clock.move(self._dice.choice([-1, 1]) * self._dice.randint(*_CLOCK_OFFSETS_S))
        await asyncio.sleep(self._dice.uniform(*_CLOCK_S))
        self._clock.move(0)

    async def _flood_api(self) -> None:
        files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        api = self._services.api
        async with open_connections(HOST, api.port, max(1, min(_CONNECTIONS, files - _SPARE_FILES))):
            try:
                async with plain_http(api.url, _LIVE_WITHIN_S) as http:
                    (await http.get("/live")).raise_for_status()
            except httpx.HTTPError as error:
                self.violations.append(f"the api did not answer during a flood of connections: {error!r}")


def _handles_sigterm(service: ServiceProcess) -> bool:
    lines = Path(f"/proc/{service.pid}/status").read_text().splitlines()
    (caught,) = (line.split()[1] for line in lines if line.startswith("SigCgt:"))
    return bool(int(caught, 16) & _SIGTERM_BIT)
