"""How many pods the queues need, before anything slows the change down."""

from __future__ import annotations

import math

import msgspec

from queuecontroller.plan.load import PoolLoad, QueueLoad
from queuecontroller.plan.spec import PoolSpec

_ROUNDING = 1e-9
"""Keeps 3.0000000000000004 pods from becoming four."""


class Demand(msgspec.Struct, frozen=True, kw_only=True):
    """What the queues need, and why."""

    slots: float
    """Tasks that should run at once, by Little's law; 0 without a drain target."""
    drain_replicas: float
    depth_replicas: float
    running_replicas: int
    """Pods that the running tasks fill."""
    task_s: float
    """Seconds per task, weighted by what each queue needs."""

    @property
    def replicas(self) -> float:
        """Pods needed, unrounded."""
        return max(self.drain_replicas, self.depth_replicas, self.running_replicas)

    @property
    def decisive(self) -> str:
        """What asks for the most pods, in CamelCase."""
        if self.replicas == self.running_replicas:
            return "RunningTasks"
        return "DrainTarget" if self.drain_replicas >= self.depth_replicas else "DepthTarget"


def measure_demand(spec: PoolSpec, load: PoolLoad) -> Demand:
    """What ``load`` needs by the targets of ``spec``."""
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
    """Slots that arrivals keep busy, by Little's law, and those that the backlog wants for the drain time besides.

    Little's law tells where things settle: rate x seconds per task. Until new pods run, they are on the way there from
    the tasks that run now; with tasks that last longer than pods take to start, they have hardly left.
    """
    if spec.target.drain is None:
        return 0.0
    task_s = _task_s(spec, queue)
    rate = queue.arrivals_per_s or 0.0
    horizon_s = max(spec.look_ahead, spec.target.drain)
    staying = math.exp(-horizon_s / task_s) if task_s > 0 else 0.0
    settled = rate * task_s
    steady = settled + (queue.active - settled) * staying
    # Room is for what chance brings: where nothing arrives, there is none.
    room = 100 / spec.target.utilization if rate > 0 else 1.0
    draining = queue.backlog * task_s / spec.target.drain
    # No more slots than there are tasks for them by then: long tasks cannot share a slot.
    fillable = (queue.active + rate * horizon_s) * room + queue.backlog
    return min(steady * room + draining, fillable)


def _task_s(spec: PoolSpec, queue: QueueLoad) -> float:
    if queue.task_s is not None:
        return queue.task_s
    return max(spec.target.assumed_task_duration, queue.least_task_s)


def _mean_task_s(spec: PoolSpec, load: PoolLoad, slots: list[float]) -> float:
    weights = slots if sum(slots) > 0 else [1.0] * len(slots)
    durations = [_task_s(spec, queue) for queue in load.queues]
    return sum(each * weight for each, weight in zip(durations, weights, strict=True)) / max(sum(weights), _ROUNDING)
