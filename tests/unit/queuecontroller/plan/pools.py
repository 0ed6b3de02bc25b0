"""Pools, loads and a simulation of several reconciliations, for tests of the planner."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from queuecontroller.plan.history import History
from queuecontroller.plan.load import PoolLoad, QueueLoad
from queuecontroller.plan.planner import event_memory_s, plan
from queuecontroller.plan.spec import PoolSpec, read_spec

START_S = 1_800_000_000.0
TICK_S = 10.0


def pool_spec(**changes: Any) -> PoolSpec:
    """A pool with 10 slots per pod and a drain target of 30 s, with ``changes`` in the form of its YAML."""
    return read_spec(
        {
            "scaleTargetRef": {"name": "worker"},
            "queues": ["default"],
            "maxReplicas": 50,
            "slotsPerReplica": 10,
            "target": {"drain": "30s"},
            "metrics": {"endpoint": "http://api:8080/metrics"},
            **changes,
        }
    )


def rules(**changes: Any) -> dict[str, Any]:
    """A behavior without windows and policies, except for ``changes`` of scaleUp and scaleDown."""
    free = {"stabilizationWindow": "0s", "policies": []}
    return {"scaleUp": free | changes.get("scaleUp", {}), "scaleDown": free | changes.get("scaleDown", {})}


def load(**changes: Any) -> PoolLoad:
    """The load of one queue with known rates."""
    return PoolLoad((QueueLoad(**{"arrivals_per_s": 0.0, "task_s": 1.0, **changes}),))


def run(
    spec: PoolSpec,
    loads: Iterable[PoolLoad],
    current: int,
    *,
    history: History | None = None,
    start_s: float = START_S,
    adopt: Callable[[int], int] = lambda desired: desired,
) -> list[int]:
    """The pods after each tick, with every decision applied."""
    past = history or History()
    pods = []
    for number, each in enumerate(loads):
        now_s = start_s + number * TICK_S
        decision = plan(spec, each, current, past, now_s)
        current = adopt(decision.desired)
        past = decision.history.with_replicas(now_s, current, event_memory_s(spec))
        pods.append(current)
    return pods
