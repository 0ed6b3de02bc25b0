"""Composition root of a worker: builds its parts, runs its roles, drains, shuts down."""

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
from queuecore.store.attempts.leases import Leases
from queuecore.store.attempts.notifications import Notifications
from queuecore.store.attempts.settlement import Settlements
from queuecore.store.client.connect import connect
from queuecore.store.queues.directory import Directory
from queueworker.drain import Drain, longest_s
from queueworker.executors.factory import make_executors
from queueworker.handlers.lifespans import Lifespans
from queueworker.handlers.registry import HandlerRegistry
from queueworker.health import Health
from queueworker.identity import make_identity
from queueworker.metrics import WorkerMetrics
from queueworker.roles.cancel_listener import CancelListener
from queueworker.roles.leaser import Leaser
from queueworker.roles.progress_reporter import ProgressReporter
from queueworker.roles.registration import Registration
from queueworker.roles.renewer import Renewer
from queueworker.roles.settler import Settler
from queueworker.runs.in_flight import InFlightRuns
from queueworker.runs.runner import Runner
from queueworker.runs.slots import Slots
from queueworker.settings import WorkerSettings

MAX_UNSETTLED_PER_SLOT = 10
"""Outcomes per slot that may wait for the store before no more tasks are leased."""
CLOSE_S = 8.0
"""Longest time from the end of the drain to the end of the process."""

log = structlog.get_logger()


class Worker:
    """Leases tasks, runs their handlers and settles the outcomes.

    Must be created inside the event loop that runs it.

    Args:
        settings: the worker's configuration.
        handlers: the handlers of all task types that it runs.
    """

    def __init__(self, settings: WorkerSettings, handlers: HandlerRegistry) -> None:
        self._server = connect(settings.redis)
        self._identity = make_identity()
        self._tracing = start_tracing("worker", settings.trace, worker=self._identity.worker)
        self._heartbeat = LoopHeartbeat(time.monotonic)
        self._handlers = handlers
        self._lifespans = Lifespans(handlers.lifespans())
        self._order = settings.order(handlers.queues())
        self._slots = slots = Slots(settings.slots)
        self._executors = make_executors(settings)
        self._leases = Leases(self._server, self._identity, settings.lease_ms)
        registry = CollectorRegistry()
        metrics = WorkerMetrics(registry, slots.total, lambda: slots.busy)
        self._server.watch(StoreCalls(registry).note)
        notifications = Notifications(self._server)
        in_flight = InFlightRuns()

        self._cancel_listener = CancelListener(
            notifications=notifications, in_flight=in_flight, backoff=Backoff(random.random)
        )
        self._progress_reporter = ProgressReporter(self._leases)
        self._renewer = Renewer(leases=self._leases, in_flight=in_flight, metrics=metrics)
        self._settler = Settler(
            settlements=Settlements(self._server, self._identity),
            in_flight=in_flight,
            metrics=metrics,
            backoff=Backoff(random.random),
            max_unsettled=settings.slots * MAX_UNSETTLED_PER_SLOT,
        )
        runner = Runner(
            handlers=handlers,
            executors=self._executors,
            slots=slots,
            in_flight=in_flight,
            settler=self._settler,
            metrics=metrics,
            tracing=self._tracing,
            report_progress=self._progress_reporter.report,
            random=random.random,
        )
        self._leaser = Leaser(
            leases=self._leases,
            notifications=notifications,
            order=self._order,
            slots=slots,
            start=runner.start,
            archive_unreadable=self._settler.archive_unreadable,
            backpressure=self._settler.backpressure,
            safety_poll_s=settings.safety_poll_ms / 1000,
            backoff=Backoff(random.random),
        )
        self._drain = Drain(
            grace_s=settings.drain_ms / 1000,
            slots=slots,
            in_flight=in_flight,
            settler=self._settler,
            leases=self._leases,
            backoff=Backoff(random.random),
        )
        self._stop = stop = StopSignals(
            on_hurry=self._drain.hurry, exit_after_s=longest_s(settings.drain_ms / 1000) + CLOSE_S
        )
        self._registration = Registration(
            directory=Directory(self._server),
            identity=self._identity,
            queues=list(self._order.queues),
            handlers=handlers,
            slots=slots,
            draining=lambda: stop.asked,
        )
        health = Health(heartbeat=self._heartbeat, renewer=self._renewer, registration=self._registration, stop=stop)
        self._probes = ProbeServer(settings.probe_host, settings.probe_port, health.live, health.ready, registry)

    async def run(self) -> int:
        """Work until a stop signal arrives or a role fails, then drain.

        Returns:
            The exit code: 0 after a stop signal, 1 after a failed role or lifespan.
        """
        self._probes.start()
        if not await self._lifespans.enter():
            await self._close()
            return 1
        log.info(
            "worker_started",
            worker=self._identity.worker,
            queues=list(self._order.queues),
            handlers=self._handlers.names(),
            slots=self._slots.total,
            probe_port=self._probes.port,
        )
        leasing = asyncio.create_task(self._leaser.run(), name="leaser")
        roles = Roles(
            {
                "leaser": _shielded(leasing),
                "settler": self._settler.run(),
                "renewer": self._renewer.run(),
                "cancel_listener": self._cancel_listener.run(),
                "progress_reporter": self._progress_reporter.run(),
                "registration": self._registration.run(),
                "heartbeat": self._heartbeat.run(),
            }
        )
        stopped_by_signal = await roles.run_until(self._stop)
        self._stop.limit_exit()
        self._leaser.stop()
        await asyncio.wait([leasing])
        await self._drain.run()
        await self._leases.pass_wakeup_on(self._order.queues)
        await self._registration.deregister()
        await roles.cancel()
        await self._close()
        log.info("worker_stopped")
        return 0 if stopped_by_signal else 1

    async def _close(self) -> None:
        await self._lifespans.exit()
        for executor in self._executors.values():
            await asyncio.to_thread(executor.close)
        self._probes.stop()
        await self._server.close()
        await asyncio.to_thread(self._tracing.stop)


async def _shielded(task: asyncio.Task[None]) -> None:
    """Wait for a task that is not cancelled with the roles, but whose failure is theirs."""
    await asyncio.shield(task)
