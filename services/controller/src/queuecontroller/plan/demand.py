"""Demand: the slots and pods that the queues need, before bounds, windows and policies."""

from __future__ import annotations

import math

import msgspec

from queuecontroller.plan.load import PoolLoad, QueueLoad
from queuecontroller.plan.spec import PoolSpec

_ROUNDING = 1e-9
"""Tolerance of rounding up: 3.0000000000000004 pods are three."""


class Demand(msgspec.Struct, frozen=True, kw_only=True):
    """The need of the queues, by target."""

    slots: float
    """Tasks to run concurrently, by Little's law; 0 without a drain target."""
    drain_replicas: float
    depth_replicas: float
    running_replicas: int
    """Pods that running tasks fill."""
    task_s: float
    """Mean seconds per task, weighted by the slots that each queue needs."""

    @property
    def replicas(self) -> float:
        """Pods needed, unrounded."""
        return max(self.drain_replicas, self.depth_replicas, self.running_replicas)

    @property
    def reason(self) -> str:
        """The target that asks for the most pods, in CamelCase."""
        if self.replicas == self.running_replicas:
            return "RunningTasks"
        return "DrainTarget" if self.drain_replicas >= self.depth_replicas else "DepthTarget"


def measure_demand(spec: PoolSpec, load: PoolLoad) -> Demand:
    """The demand of ``load`` for the targets of ``spec``."""
    slots = [_needed_slots(spec, queue) for queue in load.queues]
    tasks_per_replica = spec.target.tasks_per_replica
    return Demand(
        slots=sum(slots),
        drain_replicas=sum(slots) / spec.slots_per_replica,
        depth_replicas=load.backlog / tasks_per_replica if tasks_per_replica else 0.0,
        running_replicas=round_up(load.active / spec.slots_per_replica),
        task_s=_mean_task_s(spec, load, slots),
    )


def round_up(replicas: float) -> int:
    """Whole pods for ``replicas``."""
    return math.ceil(replicas - _ROUNDING)


def _needed_slots(spec: PoolSpec, queue: QueueLoad) -> float:
    """Slots for steady arrivals, by Little's law, plus slots that drain the backlog within the target time.

    Little's law gives the concurrency in equilibrium: rate x seconds per task. Concurrency approaches it exponentially
    from the tasks that run now. With tasks much longer than the horizon, it is still near its present value then.
    """
    if spec.target.drain is None:
        return 0.0
    task_s = _task_s(spec, queue)
    rate = queue.arrivals_per_s or 0.0
    horizon_s = max(spec.look_ahead, spec.target.drain)
    remaining = math.exp(-horizon_s / task_s) if task_s > 0 else 0.0
    equilibrium = rate * task_s
    expected = equilibrium + (queue.active - equilibrium) * remaining
    # Headroom absorbs bursts of arrivals; without arrivals none is needed.
    headroom = 100 / spec.target.utilization if rate > 0 else 1.0
    draining = queue.backlog * task_s / spec.target.drain
    # No more slots than tasks to fill them: one long task cannot be split over several slots.
    fillable = (queue.active + rate * horizon_s) * headroom + queue.backlog
    return min(expected * headroom + draining, fillable)


def _task_s(spec: PoolSpec, queue: QueueLoad) -> float:
    if queue.task_s is not None:
        return queue.task_s
    return max(spec.target.assumed_task_duration, queue.least_task_s)


def _mean_task_s(spec: PoolSpec, load: PoolLoad, slots: list[float]) -> float:
    weights = slots if sum(slots) > 0 else [1.0] * len(slots)
    durations = [_task_s(spec, queue) for queue in load.queues]
    return sum(each * weight for each, weight in zip(durations, weights, strict=True)) / max(sum(weights), _ROUNDING)
