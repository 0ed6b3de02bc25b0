"""A worker put together: its parts, its roles, its life."""

from __future__ import annotations

import asyncio
import os
import random
import secrets
import socket
import time

import structlog
from prometheus_client import CollectorRegistry

from queuecore.domain.backoff import Backoff
from queuecore.errors import ConfigError
from queuecore.observe.metrics.histogram import StoreCalls
from queuecore.observe.probes import LoopHeartbeat, ProbeServer
from queuecore.observe.tracing.setup import start_tracing
from queuecore.process import Roles, StopSignals
from queuecore.store.attempts.leases import Leases, WorkerIdentity
from queuecore.store.attempts.notifications import Notifications
from queuecore.store.attempts.settlement import Settlements
from queuecore.store.client.connect import connect
from queuecore.store.queues.directory import Directory
from queueworker.drain import Drain
from queueworker.executors.coroutine import CoroutineExecutor
from queueworker.executors.process import ProcessExecutor
from queueworker.executors.thread import ThreadExecutor
from queueworker.handlers import demo
from queueworker.handlers.loader import load_handlers
from queueworker.handlers.registry import HandlerError, Handlers, Kind
from queueworker.health import Health
from queueworker.metrics import WorkerMetrics
from queueworker.roles.cancel_listener import CancelListener
from queueworker.roles.leaser import Leaser
from queueworker.roles.progress_reporter import ProgressReporter
from queueworker.roles.registration import Registration
from queueworker.roles.renewer import Renewer
from queueworker.roles.settler import Settler
from queueworker.runs.in_flight import InFlightRuns
from queueworker.runs.runner import Executor, Runner
from queueworker.runs.slots import Slots
from queueworker.runs.tracing import AttemptTracing
from queueworker.settings import WorkerSettings

MAX_UNSETTLED_PER_SLOT = 10
"""Outcomes that may wait for the store, per slot, before no more tasks are leased."""

log = structlog.get_logger()


class Worker:
    """Leases tasks, runs their handlers and settles them, until it is told to stop.

    To be made inside the event loop in which it runs.

    Args:
        settings: as read from the environment.
        handlers: what it runs.
    """

    def __init__(self, settings: WorkerSettings, handlers: Handlers) -> None:
        self._settings = settings
        self._server = connect(settings.redis)
        self._order = settings.order()
        self._identity = identify()
        self._slots = Slots(settings.slots)
        self._in_flight = InFlightRuns()
        self._leases = Leases(self._server, self._identity, settings.lease_ms)
        self._notifications = Notifications(self._server)
        self._executors: dict[Kind, Executor] = {
            Kind.ASYNC: CoroutineExecutor(),
            Kind.THREAD: ThreadExecutor(settings.slots),
            Kind.PROCESS: ProcessExecutor(
                settings.processes or os.cpu_count() or 1, settings.handlers, settings.log, settings.trace
            ),
        }
        self._heartbeat = LoopHeartbeat(time.monotonic)
        self._tracing = start_tracing("worker", settings.trace)
        registry = CollectorRegistry()
        metrics = WorkerMetrics(registry, self._slots.total, lambda: self._slots.busy)
        self._server.watch(StoreCalls(registry).note)
        self._renewer = Renewer(leases=self._leases, in_flight=self._in_flight, metrics=metrics)
        self._settler = Settler(
            settlements=Settlements(self._server, self._identity),
            in_flight=self._in_flight,
            metrics=metrics,
            backoff=Backoff(random.random),
            max_unsettled=settings.slots * MAX_UNSETTLED_PER_SLOT,
        )
        self._progress = ProgressReporter(self._leases)
        self._drain = Drain(
            grace_s=settings.drain_ms / 1000,
            slots=self._slots,
            in_flight=self._in_flight,
            settler=self._settler,
            leases=self._leases,
        )
        self._stop = StopSignals(on_hurry=self._drain.hurry)
        self._registration = Registration(
            directory=Directory(self._server),
            identity=self._identity,
            queues=list(self._order.queues),
            handlers=handlers,
            slots=self._slots,
            draining=lambda: self._stop.asked,
        )
        self._leaser = self._make_leaser(self._make_runner(handlers, metrics))
        health = Health(
            heartbeat=self._heartbeat, renewer=self._renewer, registration=self._registration, stop=self._stop
        )
        self._probes = ProbeServer(settings.probe_host, settings.probe_port, health.live, health.ready, registry)

    def _make_runner(self, handlers: Handlers, metrics: WorkerMetrics) -> Runner:
        return Runner(
            handlers=handlers,
            executors=self._executors,
            slots=self._slots,
            in_flight=self._in_flight,
            settler=self._settler,
            metrics=metrics,
            tracing=AttemptTracing(self._tracing, self._identity.worker) if self._tracing else None,
            report_progress=self._progress.report,
            random=random.random,
        )

    def _make_leaser(self, runner: Runner) -> Leaser:
        return Leaser(
            leases=self._leases,
            notifications=self._notifications,
            order=self._order,
            slots=self._slots,
            start=runner.start,
            archive=self._settler.archive_unreadable,
            room=self._settler.room,
            safety_poll_s=self._settings.safety_poll_ms / 1000,
            backoff=Backoff(random.random),
        )

    async def run(self) -> int:
        """Work until told to stop, then drain.

        Returns:
            The exit code: 0 after a stop, 1 after a fault of its own.
        """
        self._probes.start()
        log.info(
            "worker_started",
            worker=self._identity.worker,
            queues=list(self._order.queues),
            slots=self._slots.total,
            probe_port=self._probes.port,
        )
        cancels = CancelListener(
            notifications=self._notifications, in_flight=self._in_flight, backoff=Backoff(random.random)
        )
        leasing = asyncio.create_task(self._leaser.run(), name="leaser")
        roles = Roles(
            {
                "lease": _as_role(leasing),
                "settle": self._settler.run(),
                "renew": self._renewer.run(),
                "cancels": cancels.run(),
                "progress": self._progress.run(),
                "registration": self._registration.run(),
                "heartbeat": self._heartbeat.run(),
            }
        )
        well = await roles.run_until(self._stop)
        self._leaser.stop()
        await asyncio.wait([leasing])
        await self._drain.run()
        await self._leases.pass_wakeup_on(self._order.queues)
        await self._registration.withdraw()
        await roles.cancel()
        await self._close()
        log.info("worker_stopped")
        return 0 if well else 1

    async def _close(self) -> None:
        for executor in self._executors.values():
            await asyncio.to_thread(executor.close)
        self._probes.stop()
        await self._server.close()
        if self._tracing is not None:
            await asyncio.to_thread(self._tracing.stop)


def identify() -> WorkerIdentity:
    """A name for this process that no other has, not even the next one of the same pod."""
    pod = socket.gethostname()
    return WorkerIdentity(worker=f"{pod}-{os.getpid()}-{secrets.token_hex(3)}", pod=pod)


def make_handlers(settings: WorkerSettings) -> Handlers:
    """The user's handlers, and the demo where it is wanted.

    Raises:
        ConfigError: the handlers cannot be loaded.
    """
    handlers = load_handlers(settings.handlers)
    if settings.demo:
        try:
            handlers.update(demo.handlers)
        except HandlerError as error:
            raise ConfigError(f"{error}; TASKYARD_WORKER_DEMO=false leaves the built-in one out") from error
    return handlers


async def _as_role(task: asyncio.Task[None]) -> None:
    """Share the fate of a task that is not to be cancelled with the roles."""
    await asyncio.shield(task)
