from __future__ import annotations

from prometheus_client import CollectorRegistry

from queuecontroller.plan.decision import Decision
from queuecontroller.plan.history import History
from queuecontroller.pool_metrics import PoolMetrics


def _limited_by(registry: CollectorRegistry) -> set[str]:
    return {
        sample.labels["reason"]
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "taskyard_workerpool_limited_by"
    }


def _decide(*limits: str) -> Decision:
    return Decision(current=2, desired=2, reason="Steady", limited_by=limits, history=History())


def test_limits_are_replaced_when_a_decision_is_recorded() -> None:
    registry = CollectorRegistry()
    exported = PoolMetrics(registry)

    exported.record_decision("default", "pool", _decide("MaxReplicas", "ScaleUpPolicy"))
    assert _limited_by(registry) == {"MaxReplicas", "ScaleUpPolicy"}

    exported.record_decision("default", "pool", _decide("BusyPods"))
    assert _limited_by(registry) == {"BusyPods"}


def test_series_are_removed_when_a_pool_is_forgotten() -> None:
    registry = CollectorRegistry()
    exported = PoolMetrics(registry)
    exported.record_decision("default", "pool", _decide("MaxReplicas"))
    exported.record_decision("default", "other", _decide("MinReplicas"))

    exported.forget("default", "pool")

    assert _limited_by(registry) == {"MinReplicas"}
