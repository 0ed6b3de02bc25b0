from __future__ import annotations

from prometheus_client import CollectorRegistry

from queuecontroller.plan.decision import Decision
from queuecontroller.plan.history import History
from queuecontroller.pool_metrics import ControllerMetrics


def _limited_by(registry: CollectorRegistry) -> set[str]:
    return {
        sample.labels["reason"]
        for family in registry.collect()
        for sample in family.samples
        if sample.name == "taskyard_workerpool_limited_by"
    }


def _decide(*limits: str) -> Decision:
    return Decision(current=2, desired=2, reason="Steady", limited_by=limits, history=History())


def test_reasons_are_those_of_the_last_decision() -> None:
    registry = CollectorRegistry()
    observed = ControllerMetrics(registry)

    observed.note_decision("default", "pool", _decide("MaxReplicas", "ScaleUpPolicy"))
    assert _limited_by(registry) == {"MaxReplicas", "ScaleUpPolicy"}

    observed.note_decision("default", "pool", _decide("BusyPods"))
    assert _limited_by(registry) == {"BusyPods"}


def test_nothing_is_told_of_a_pool_that_is_forgotten() -> None:
    registry = CollectorRegistry()
    observed = ControllerMetrics(registry)
    observed.note_decision("default", "pool", _decide("MaxReplicas"))
    observed.note_decision("default", "other", _decide("MinReplicas"))

    observed.forget("default", "pool")

    assert _limited_by(registry) == {"MinReplicas"}
