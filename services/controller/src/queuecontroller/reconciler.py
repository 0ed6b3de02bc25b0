"""Reconcile one WorkerPool: observe, plan, apply, report status."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import structlog
from opentelemetry.trace import SpanKind

from queuecontroller.applier import Applier
from queuecontroller.cluster.client import Cluster, Object
from queuecontroller.cluster.target import TargetState, observe_target
from queuecontroller.conflict import Claim, check_conflicts
from queuecontroller.errors import (
    ClusterError,
    ClusterUnavailable,
    ControllerError,
    ObjectConflict,
    ObjectNotFound,
    ReadingFailed,
)
from queuecontroller.metrics.http import EndpointClient
from queuecontroller.metrics.load_reader import LoadReader
from queuecontroller.plan.decision import Decision
from queuecontroller.plan.history import History
from queuecontroller.plan.planner import event_memory_s, hold, pause, plan
from queuecontroller.plan.spec import PoolSpec, read_spec
from queuecontroller.pool_metrics import PoolMetrics
from queuecontroller.settings import ControllerSettings
from queuecontroller.status.conditions import Condition, build_conditions
from queuecontroller.status.decision import decision_fields
from queuecontroller.status.events import Event
from queuecontroller.status.history import read_history
from queuecontroller.status.writer import StatusWriter
from queuecore.observe.tracing import names
from queuecore.observe.tracing.tracer import PASSIVE, Tracer

CONFLICT_RETRY_S = 1.0
MAX_BACKOFF_S = 60.0

log = structlog.get_logger()


class Result(NamedTuple):
    """Outcome of one reconciliation."""

    events: list[Event]
    requeue_after_s: float


class _Applied(NamedTuple):
    decision: Decision
    target: TargetState
    """As observed before the decision was applied."""
    metrics_error: ReadingFailed | None


class PoolReconciler:
    """Reconciles one pool.

    Args:
        namespace: the pool's namespace.
        name: the pool's name.
        cluster: the Kubernetes API.
        applier: applies decisions.
        endpoints: sends the requests for metrics.
        metrics: records decisions and failures.
        tracing: opens a span for each reconciliation, a trace of its own.
        settings: the interval, and the metrics of a pool that names no source.
        clock: returns Unix seconds.
    """

    def __init__(
        self,
        *,
        namespace: str,
        name: str,
        cluster: Cluster,
        applier: Applier,
        endpoints: EndpointClient,
        metrics: PoolMetrics,
        tracing: Tracer = PASSIVE,
        settings: ControllerSettings,
        clock: Callable[[], float],
    ) -> None:
        self._namespace = namespace
        self._name = name
        self._cluster = cluster
        self._applier = applier
        self._metrics = metrics
        self._metrics_endpoint = settings.metrics_endpoint
        self._tracing = tracing
        self._interval_s = settings.interval_ms / 1000
        self._clock = clock
        self._load_reader = LoadReader(endpoints, self._interval_s)
        self._status = StatusWriter(cluster, namespace, name, clock)
        self._log = log.bind(namespace=namespace, pool=name)
        self._uid = ""
        self._history: History | None = None
        self._may_have_marks = True
        """Pods may be marked for removal. True at first: the previous leader may have stopped in mid scale-in."""
        self._failures = 0

    async def reconcile(self, claims: Iterable[Claim]) -> Result | None:
        """Reconcile the pool once.

        Args:
            claims: the claims of all pools on this pool's target.

        Returns:
            ``None`` when the pool has been deleted.
        """
        attributes = {names.K8S_NAMESPACE: self._namespace, names.WORKERPOOL: self._name}
        with self._tracing.entry("keep WorkerPool", SpanKind.INTERNAL, attributes, record_exceptions=True):
            return await self._reconcile(claims)

    async def _reconcile(self, claims: Iterable[Claim]) -> Result | None:
        try:
            pool = await self._cluster.get_pool(self._namespace, self._name)
        except ObjectNotFound:
            return None
        except ClusterError as error:
            return Result([], self._record_failure(error))
        if self._uid not in ("", pool["metadata"]["uid"]) or "deletionTimestamp" in pool["metadata"]:
            return None
        self._uid = pool["metadata"]["uid"]
        try:
            applied = await self._observe_plan_apply(pool, claims)
        except ObjectConflict as error:
            self._record_failure(error)
            return Result([], CONFLICT_RETRY_S)
        except ControllerError as error:
            not_ready = Condition("Ready", "False", error.reason, str(error))
            return Result(await self._write_status(pool, {}, [not_ready]), self._record_failure(error))
        self._failures = 0
        return Result(await self._report(pool, applied), self._interval_s)

    def forget(self) -> None:
        """Remove the pool's series from the exported metrics."""
        self._metrics.forget(self._namespace, self._name)

    async def _observe_plan_apply(self, pool: Object, claims: Iterable[Claim]) -> _Applied:
        spec = read_spec(pool["spec"], self._metrics_endpoint)
        target = await observe_target(self._cluster, self._namespace, spec.scale_target_ref.name)
        own_claim = Claim(pool["metadata"]["creationTimestamp"], pool["metadata"]["uid"], self._name)
        await check_conflicts(self._cluster, self._namespace, spec.scale_target_ref, own_claim, claims)
        decision, metrics_error = await self._plan(pool, spec, target)
        self._history = decision.history
        if spec.paused:
            return _Applied(pause(decision), target, metrics_error)
        decision = await self._applier.apply(spec, target, decision)
        self._history = decision.history.with_replicas(self._clock(), decision.desired, event_memory_s(spec))
        await self._clear_marks(target, decision)
        return _Applied(decision, target, metrics_error)

    async def _plan(self, pool: Object, spec: PoolSpec, target: TargetState) -> tuple[Decision, ReadingFailed | None]:
        history = read_history(pool.get("status", {})) if self._history is None else self._history
        try:
            load = await self._load_reader.read(spec)
        except ReadingFailed as error:
            self._log.warning("metrics_unavailable", reason=error.reason, error=str(error))
            return hold(spec, target.replicas, history, self._clock(), error.reason), error
        return plan(spec, load, target.replicas, history, self._clock()), None

    async def _clear_marks(self, target: TargetState, decision: Decision) -> None:
        """Remove left-over removal marks, unless a scale-in has just been applied."""
        if self._may_have_marks and decision.action != "ScaleIn":
            await self._applier.clear_marks(target)
        self._may_have_marks = decision.action == "ScaleIn" or decision.busy_pods is not None

    async def _report(self, pool: Object, applied: _Applied) -> list[Event]:
        decision = applied.decision
        self._metrics.record_decision(self._namespace, self._name, decision)
        fields = decision_fields(decision, self._clock()) | {"readyReplicas": applied.target.ready}
        conditions = build_conditions(decision, applied.metrics_error)
        events = await self._write_status(pool, fields, conditions, force=decision.action != "Hold")
        if decision.action == "Hold":
            return events
        numbers = {"replicas_before": decision.current, "replicas": decision.desired}
        self._log.info("pool_scaled", **numbers, reason=decision.reason, detail=decision.message)
        return [*events, Event("Normal", decision.action, decision.message)]

    async def _write_status(
        self, pool: Object, fields: Mapping[str, Any], conditions: list[Condition], *, force: bool = False
    ) -> list[Event]:
        try:
            return await self._status.write(pool, fields, conditions, self._history, force=force)
        except ClusterError as error:
            self._record_failure(error)
            return []

    def _record_failure(self, error: ControllerError) -> float:
        """Log and count a failure; the requeue delay in seconds, with exponential backoff for Kubernetes errors."""
        self._log.warning("reconcile_failed", reason=error.reason, error=str(error))
        self._metrics.record_failure(self._namespace, self._name, error.reason)
        if not isinstance(error, ClusterError):
            return self._interval_s
        self._failures += 1
        backoff_s = self._interval_s * float(2 ** min(self._failures - 1, 10))
        retry_after_s = error.retry_after_s if isinstance(error, ClusterUnavailable) else 0.0
        return max(min(backoff_s, MAX_BACKOFF_S), self._interval_s, retry_after_s)
