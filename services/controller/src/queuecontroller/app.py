"""The controller application: wiring, background roles and lifecycle."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

import httpx
import structlog
from prometheus_client import CollectorRegistry

from queuecontroller.applier import Applier
from queuecontroller.cluster.client import Access, Cluster
from queuecontroller.cluster.reachability import Reachability
from queuecontroller.metrics.http import EndpointClient
from queuecontroller.pool_metrics import PoolMetrics
from queuecontroller.reconciler import PoolReconciler
from queuecontroller.settings import ControllerSettings
from queuecore.observe.probes import LoopHeartbeat, ProbeServer
from queuecore.observe.tracing.setup import start_tracing
from queuecore.process import Roles

LOOP_STALL_S = 15.0

_NOISY_LOGGERS = ("kopf.objects", "kopf.activities")
"""Loggers with a line for every handler call."""

log = structlog.get_logger()

Operate = Callable[[ControllerSettings, Cluster, Callable[[str, str], PoolReconciler]], Awaitable[None]]
"""Runs the operator with a factory of reconcilers (namespace, name) until the process is stopped."""


class Controller:
    """Reconciles WorkerPools until it is stopped. Any number of replicas may run: one leads, the others stand by.

    Create it inside the event loop in which it runs.

    Args:
        settings: as read from the environment.
        login: returns the address and the credentials of the Kubernetes API.
        operate: runs the operator.
    """

    def __init__(self, settings: ControllerSettings, login: Callable[[], Access], operate: Operate) -> None:
        self._settings = settings
        self._operate = operate
        self._tracing = start_tracing("controller", settings.trace)
        registry = CollectorRegistry()
        self._metrics = PoolMetrics(registry)
        self._cluster = Cluster(login)
        # Each pool has at most one request in flight, with a timeout of its own. With a shared limit, endpoints that do
        # not answer would stop the other pools.
        limits = httpx.Limits(max_connections=None)
        self._http = httpx.AsyncClient(trust_env=False, timeout=httpx.Timeout(None), limits=limits)
        self._endpoints = EndpointClient(self._http)
        self._applier = Applier(self._cluster, self._endpoints, settings.deletion_cost_wait_ms / 1000)
        self._reachability = Reachability(self._cluster)
        self._heartbeat = LoopHeartbeat(time.monotonic)
        self._probes = ProbeServer(settings.probe_host, settings.probe_port, self._live, self._ready, registry)

    async def run(self) -> int:
        """Run until SIGTERM or SIGINT.

        Returns:
            The exit code: 0 after a stop, 1 after an internal error.
        """
        for name in _NOISY_LOGGERS:
            logging.getLogger(name).setLevel(logging.WARNING)
        self._probes.start()
        log.info("controller_started", probe_port=self._probes.port)
        # Started before the operator, which cancels all tasks that were started after it when it stops.
        roles = Roles({"reachability": self._reachability.run(), "heartbeat": self._heartbeat.run()})
        try:
            await self._operate(self._settings, self._cluster, self._make_reconciler)
        except Exception:
            log.exception("operator_failed")
            return 1
        finally:
            await roles.cancel()
            self._probes.stop()
            await self._http.aclose()
            await self._cluster.close()
            await asyncio.to_thread(self._tracing.stop)
            log.info("controller_stopped")
        return 0

    def _make_reconciler(self, namespace: str, name: str) -> PoolReconciler:
        return PoolReconciler(
            namespace=namespace,
            name=name,
            cluster=self._cluster,
            applier=self._applier,
            endpoints=self._endpoints,
            metrics=self._metrics,
            tracing=self._tracing,
            settings=self._settings,
            clock=time.time,
        )

    def _live(self) -> str | None:
        stalled_s = self._heartbeat.stalled_s()
        return f"the event loop has been blocked for {stalled_s:.1f} s" if stalled_s > LOOP_STALL_S else None

    def _ready(self) -> str | None:
        return self._reachability.problem or self._live()
