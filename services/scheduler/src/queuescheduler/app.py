"""A scheduler put together: its parts, its roles, its life."""

from __future__ import annotations

import asyncio
import random
import time

import structlog
from prometheus_client import CollectorRegistry

from queuecore.domain.backoff import Backoff
from queuecore.observe.metrics.histogram import StoreCalls
from queuecore.observe.probes import LoopHeartbeat, ProbeServer
from queuecore.observe.tracing.setup import start_tracing
from queuecore.process import Roles, StopSignals
from queuecore.store.attempts.maintenance import Maintenance
from queuecore.store.attempts.notifications import Notifications
from queuecore.store.client.connect import connect
from queuecore.store.queues.reader import QueueReader
from queuescheduler.expirer import Expirer
from queuescheduler.known_queues import KnownQueues
from queuescheduler.metrics import SchedulerMetrics
from queuescheduler.promoter import Promoter
from queuescheduler.reclaimer import Reclaimer
from queuescheduler.settings import SchedulerSettings

LOOP_STALL_S = 15.0

log = structlog.get_logger()


class Scheduler:
    """Promotes, reclaims and expires until it is told to stop. Any number may run.

    To be made inside the event loop in which it runs.

    Args:
        settings: as read from the environment.
    """

    def __init__(self, settings: SchedulerSettings) -> None:
        self._server = connect(settings.redis)
        maintenance = Maintenance(self._server)
        self._tracing = start_tracing("scheduler", settings.trace)
        registry = CollectorRegistry()
        metrics = SchedulerMetrics(registry)
        self._server.watch(StoreCalls(registry).note)
        self._stop = StopSignals()
        self._heartbeat = LoopHeartbeat(time.monotonic)
        self._queues = KnownQueues(reader=QueueReader(self._server), backoff=Backoff(random.random))
        self._promoter = Promoter(
            maintenance=maintenance,
            notifications=Notifications(self._server),
            queues=self._queues,
            metrics=metrics,
            backoff=Backoff(random.random),
        )
        self._reclaimer = Reclaimer(
            maintenance=maintenance,
            queues=self._queues,
            poison_losses=settings.poison_losses,
            metrics=metrics,
            tracing=self._tracing,
            backoff=Backoff(random.random),
        )
        self._expirer = Expirer(
            maintenance=maintenance, queues=self._queues, metrics=metrics, backoff=Backoff(random.random)
        )
        self._probes = ProbeServer(settings.probe_host, settings.probe_port, self._live, self._ready, registry)

    async def run(self) -> int:
        """Work until told to stop.

        Returns:
            The exit code: 0 after a stop, 1 after a fault of its own.
        """
        self._probes.start()
        log.info("scheduler_started", probe_port=self._probes.port)
        roles = Roles(
            {
                "queues": self._queues.run(),
                "promote": self._promoter.run(),
                "listen": self._promoter.listen(),
                "reclaim": self._reclaimer.run(),
                "expire": self._expirer.run(),
                "heartbeat": self._heartbeat.run(),
            }
        )
        well = await roles.run_until(self._stop)
        await roles.cancel()
        self._probes.stop()
        await self._server.close()
        if self._tracing is not None:
            await asyncio.to_thread(self._tracing.stop)
        log.info("scheduler_stopped")
        return 0 if well else 1

    def _live(self) -> str | None:
        stalled_s = self._heartbeat.stalled_s()
        return f"the event loop has been blocked for {stalled_s:.1f} s" if stalled_s > LOOP_STALL_S else None

    def _ready(self) -> str | None:
        if self._stop.asked:
            return "stopping"
        if error := self._queues.last_error:
            return f"the store is away: {error}"
        return self._live()
