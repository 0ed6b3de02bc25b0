"""Composition root of a scheduler: builds its roles, runs them, shuts down."""

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
from queuecore.store.queues.registry import QueueRegistry
from queuescheduler.expirer import Expirer
from queuescheduler.health import Health
from queuescheduler.known_queues import KnownQueues
from queuescheduler.metrics import SchedulerMetrics
from queuescheduler.pending_order import PendingOrder
from queuescheduler.promoter import Promoter
from queuescheduler.reclaim.reclaimer import Reclaimer
from queuescheduler.settings import SchedulerSettings

log = structlog.get_logger()


class Scheduler:
    """Promotes due tasks, reclaims expired leases and expires ended tasks. Any number of schedulers may run.

    Must be created inside the event loop that runs it.

    Args:
        settings: the scheduler's configuration.
    """

    def __init__(self, settings: SchedulerSettings) -> None:
        self._server = connect(settings.redis)
        self._tracing = start_tracing("scheduler", settings.trace)
        self._stop = StopSignals()
        self._heartbeat = LoopHeartbeat(time.monotonic)
        registry = CollectorRegistry()
        metrics = SchedulerMetrics(registry)
        self._server.watch(StoreCalls(registry).note)
        maintenance = Maintenance(self._server)
        self._queues = KnownQueues(
            reader=QueueReader(self._server), registry=QueueRegistry(self._server), backoff=Backoff(random.random)
        )
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
        self._pending_order = PendingOrder(
            maintenance=maintenance,
            queues=self._queues,
            ageing_ms=settings.priority_ageing_ms,
            metrics=metrics,
            backoff=Backoff(random.random),
        )
        health = Health(heartbeat=self._heartbeat, queues=self._queues, stop=self._stop)
        self._probes = ProbeServer(settings.probe_host, settings.probe_port, health.live, health.ready, registry)

    async def run(self) -> int:
        """Run all roles until a stop signal arrives or one of them fails.

        Returns:
            The exit code: 0 after a stop signal, 1 after a failed role.
        """
        self._probes.start()
        log.info("scheduler_started", probe_port=self._probes.port)
        roles = Roles(
            {
                "known_queues": self._queues.run(),
                "promoter": self._promoter.run(),
                "promoter_notifications": self._promoter.listen(),
                "reclaimer": self._reclaimer.run(),
                "expirer": self._expirer.run(),
                "pending_order": self._pending_order.run(),
                "heartbeat": self._heartbeat.run(),
            }
        )
        stopped_by_signal = await roles.run_until(self._stop)
        await roles.cancel()
        await self._close()
        log.info("scheduler_stopped")
        return 0 if stopped_by_signal else 1

    async def _close(self) -> None:
        self._probes.stop()
        await self._server.close()
        await asyncio.to_thread(self._tracing.stop)
