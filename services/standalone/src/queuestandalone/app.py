"""The standalone application: the whole stack in one foreground job."""

from __future__ import annotations

import asyncio
import math
import random
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import httpx
import structlog

from queuecore.domain.durability import FSYNC
from queuecore.embedded import EmbeddedValkey, find_free_port
from queuecore.process import StopSignals
from queuestandalone.addresses import Addresses, assign_addresses
from queuestandalone.backoff import RestartBackoff
from queuestandalone.banner import format_banner
from queuestandalone.data_dir import DataDir
from queuestandalone.process_spec import ProcessSpec
from queuestandalone.settings import StandaloneSettings
from queuestandalone.stack import ServiceSpecs, specify_valkey
from queuestandalone.supervisor import Supervised, Supervisor

SERVICE_GRACE_S = 30.0
"""Drain time of the services."""
STORE_GRACE_S = 10.0
_DUPLICATE_SIGNAL_S = 0.5
_READY_TIMEOUT_S = 5.0

log = structlog.get_logger()


class Standalone:
    """The embedded Valkey, unless a server is configured, and one process of each service.

    Args:
        settings: as read from the environment.
        environ: the environment that the processes inherit.
        banner: the text for people that is written when all processes are ready.
        supervise_worker: makes the supervisor of the worker; without it, one process that is restarted when it exits.

    Raises:
        ConfigError: the data folder or a port cannot be used. No process was started.
        ServerBinaryMissing: no Valkey is installed.
    """

    def __init__(
        self,
        settings: StandaloneSettings,
        environ: Mapping[str, str],
        *,
        banner: Callable[[Addresses, Path], str] = format_banner,
        supervise_worker: Callable[[ServiceSpecs], Supervised] | None = None,
    ) -> None:
        self._banner = banner
        self._data = DataDir(settings.data_dir)
        self._http = httpx.AsyncClient(timeout=_READY_TIMEOUT_S, trust_env=False)
        self._supervisor_tasks: list[asyncio.Task[None]] = []
        self._stop_requested_at = math.inf
        self._store: list[Supervised] = []
        redis_url = settings.redis_url
        if redis_url is None:
            config = {"appendfsync": "always"} if settings.api_durability == FSYNC else {}
            valkey = EmbeddedValkey(self._data.valkey_path, port=find_free_port(), append_only=True, config=config)
            redis_url = valkey.url
            # Credentials and certificates in the environment belong to another server.
            environ = {name: text for name, text in environ.items() if not name.startswith("TASKYARD_REDIS_")}
            self._store = [_supervise(specify_valkey(valkey, self._data, environ))]
        self._addresses = assign_addresses(settings, redis_url)
        specs = ServiceSpecs(self._addresses, self._data, environ, self._http)
        worker = supervise_worker(specs) if supervise_worker else _supervise(specs.worker())
        self._services: list[Supervised] = [_supervise(specs.api()), _supervise(specs.scheduler()), worker]

    async def run(self) -> None:
        """Start the stack, supervise it, and stop it at the first signal.

        Raises:
            ConfigError: a service rejected its settings at startup.
            ServerNotStarted: the embedded Valkey exited at startup.
        """
        signals = StopSignals(on_hurry=self._force_stop)
        stack = asyncio.create_task(self._run_stack())
        stop_requested = asyncio.create_task(signals.wait())
        await asyncio.wait([stack, stop_requested], return_when=asyncio.FIRST_COMPLETED)
        self._stop_requested_at = time.monotonic()
        await self._stop()
        stack.cancel()
        stop_requested.cancel()
        await asyncio.wait([stack, stop_requested])
        await self._http.aclose()
        if not stack.cancelled():
            stack.result()

    async def _run_stack(self) -> None:
        await self._start(self._store)
        await self._start(self._services)
        sys.stdout.write(self._banner(self._addresses, self._data.path))
        sys.stdout.flush()
        await asyncio.gather(*self._supervisor_tasks)

    async def _start(self, supervisors: Sequence[Supervised]) -> None:
        """Start processes and wait until they are ready; raise the fatal error of any running supervisor."""
        self._supervisor_tasks += [each.start() for each in supervisors]
        ready = asyncio.create_task(_wait_until_ready(supervisors))
        try:
            ended, _ = await asyncio.wait([ready, *self._supervisor_tasks], return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
        for each in ended:
            each.result()

    async def _stop(self) -> None:
        """Stop the services, worker first; then the store, which they need to drain."""
        log.info("stopping", grace_s=SERVICE_GRACE_S)
        await asyncio.gather(*(each.stop(SERVICE_GRACE_S) for each in reversed(self._services)))
        await asyncio.gather(*(each.stop(STORE_GRACE_S) for each in self._store))
        log.info("stopped")

    def _force_stop(self) -> None:
        # A SIGTERM to the whole process group arrives twice, because `make` forwards its own: count it once.
        if time.monotonic() - self._stop_requested_at < _DUPLICATE_SIGNAL_S:
            return
        log.info("forcing_stop")
        for each in self._services:
            each.force_stop()


async def _wait_until_ready(supervisors: Sequence[Supervised]) -> None:
    await asyncio.gather(*(each.wait_until_ready() for each in supervisors))


def _supervise(spec: ProcessSpec) -> Supervisor:
    return Supervisor(spec, RestartBackoff(random.random))
