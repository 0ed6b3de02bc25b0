"""Metrics that the controller exports about its pools."""

from __future__ import annotations

from prometheus_client import CollectorRegistry

from queuecontroller.plan.decision import Decision
from queuecore.observe.metrics import definitions as metrics


class PoolMetrics:
    """The ``taskyard_workerpool_*`` metrics on a registry. Only the leader exports series of pools."""

    def __init__(self, registry: CollectorRegistry) -> None:
        metrics.register_process(registry, "controller")
        self._replicas = metrics.WORKERPOOL_REPLICAS.build(registry)
        self._desired = metrics.WORKERPOOL_DESIRED_REPLICAS.build(registry)
        self._needed_slots = metrics.WORKERPOOL_NEEDED_SLOTS.build(registry)
        self._available = metrics.WORKERPOOL_METRICS_AVAILABLE.build(registry)
        self._limited = metrics.WORKERPOOL_SCALING_LIMITED.build(registry)
        self._limited_by = metrics.WORKERPOOL_LIMITED_BY.build(registry)
        self._changes = metrics.WORKERPOOL_SCALE_CHANGES.build(registry)
        self._failures = metrics.WORKERPOOL_FAILURES.build(registry)

    def record_decision(self, namespace: str, pool: str, decision: Decision) -> None:
        """Record a decision that was applied."""
        self._replicas.labels(namespace, pool).set(decision.desired)
        self._desired.labels(namespace, pool).set(
            decision.desired if decision.recommended is None else decision.recommended
        )
        self._available.labels(namespace, pool).set(decision.load is not None)
        self._limited.labels(namespace, pool).set(bool(decision.limited_by))
        self._limited_by.remove_by_labels({"namespace": namespace, "pool": pool})
        for reason in decision.limited_by:
            self._limited_by.labels(namespace, pool, reason).set(1)
        if decision.demand is not None:
            self._needed_slots.labels(namespace, pool).set(decision.demand.slots)
        if decision.action != "Hold":
            self._changes.labels(namespace, pool, decision.action).inc()

    def record_failure(self, namespace: str, pool: str, reason: str) -> None:
        """Count a failed reconciliation."""
        self._failures.labels(namespace, pool, reason).inc()

    def forget(self, namespace: str, pool: str) -> None:
        """Remove the gauges of a pool that was deleted or is reconciled by another leader."""
        gauges = (self._replicas, self._desired, self._needed_slots, self._available, self._limited, self._limited_by)
        for gauge in gauges:
            gauge.remove_by_labels({"namespace": namespace, "pool": pool})
