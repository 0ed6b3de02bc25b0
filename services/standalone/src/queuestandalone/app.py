"""All of Taskyard as one foreground job: started, watched and stopped in order."""

from __future__ import annotations

import asyncio
import math
import random
import sys
import time
from collections.abc import Mapping, Sequence

import httpx
import structlog

from queuecore.embedded import EmbeddedValkey, find_free_port
from queuecore.process import StopSignals
from queuestandalone.announce import describe_place
from queuestandalone.data_dir import DataDir
from queuestandalone.place import find_place
from queuestandalone.processes import plan_services, plan_valkey
from queuestandalone.program import Program
from queuestandalone.restart_delay import RestartDelay
from queuestandalone.settings import StandaloneSettings
from queuestandalone.supervisor import Supervisor

SERVICE_GRACE_S = 30.0
"""How long the services may drain."""
STORE_GRACE_S = 10.0
_SAME_WISH_S = 0.5
_READY_TIMEOUT_S = 5.0

log = structlog.get_logger()


class Standalone:
    """The embedded Valkey, if one is wanted, and one process of each service.

    Args:
        settings: as read from the environment.
        environ: the environment, for the processes.

    Raises:
        ConfigError: the data folder or a port cannot be used. Nothing was started.
        ServerBinaryMissing: no Valkey is installed.
    """

    def __init__(self, settings: StandaloneSettings, environ: Mapping[str, str]) -> None:
        self._data = DataDir(settings.data_dir)
        self._http = httpx.AsyncClient(timeout=_READY_TIMEOUT_S, trust_env=False)
        self._keepers: list[asyncio.Task[None]] = []
        self._asked_to_stop_at = math.inf
        self._store: list[Supervisor] = []
        redis_url = settings.redis_url
        if redis_url is None:
            valkey = EmbeddedValkey(self._data.valkey_path, port=find_free_port(), append_only=True)
            redis_url = valkey.url
            # A user, password or certificate is meant for another server.
            environ = {name: text for name, text in environ.items() if not name.startswith("TASKYARD_REDIS_")}
            self._store = [_supervise(plan_valkey(valkey, self._data, environ))]
        self._place = find_place(settings, redis_url)
        self._services = [
            _supervise(program) for program in plan_services(self._place, self._data, environ, self._http)
        ]

    async def run(self) -> None:
        """Start everything, keep it running, and stop it when told to.

        Raises:
            ConfigError: a service has refused its settings at its start.
            ServerNotStarted: so has the embedded Valkey.
        """
        signals = StopSignals(on_hurry=self._hurry)
        work = asyncio.create_task(self._work())
        asked = asyncio.create_task(signals.wait())
        await asyncio.wait([work, asked], return_when=asyncio.FIRST_COMPLETED)
        self._asked_to_stop_at = time.monotonic()
        await self._stop()
        work.cancel()
        asked.cancel()
        await asyncio.wait([work, asked])
        await self._http.aclose()
        if not work.cancelled():
            work.result()

    async def _work(self) -> None:
        await self._start(self._store)
        await self._start(self._services)
        sys.stdout.write(describe_place(self._place, self._data.path))
        sys.stdout.flush()
        await asyncio.gather(*self._keepers)

    async def _start(self, supervisors: Sequence[Supervisor]) -> None:
        """Start processes and wait until they are ready, unless one of all is given up."""
        self._keepers += [each.start() for each in supervisors]
        ready = asyncio.create_task(_wait_until_ready(supervisors))
        try:
            ended, _ = await asyncio.wait([ready, *self._keepers], return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
        for each in ended:
            each.result()

    async def _stop(self) -> None:
        """Stop the services, the worker first; then the store, as they need it to drain."""
        log.info("stopping", grace_s=SERVICE_GRACE_S)
        await asyncio.gather(*(each.stop(SERVICE_GRACE_S) for each in reversed(self._services)))
        await asyncio.gather(*(each.stop(STORE_GRACE_S) for each in self._store))
        log.info("stopped")

    def _hurry(self) -> None:
        # A SIGTERM to the whole process group comes twice, as `make` passes its own on: one wish all the same.
        if time.monotonic() - self._asked_to_stop_at < _SAME_WISH_S:
            return
        log.info("hurrying")
        for each in self._services:
            each.hurry()


async def _wait_until_ready(supervisors: Sequence[Supervisor]) -> None:
    await asyncio.gather(*(each.wait_until_ready() for each in supervisors))


def _supervise(program: Program) -> Supervisor:
    return Supervisor(program, RestartDelay(random.random))
