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
    wait_replicas: float = 0.0
    """Pods that the wait of the oldest task asks for, whatever durations and rates say."""
    task_s: float
    """Mean seconds per task, weighted by the slots that each queue needs."""

    @property
    def replicas(self) -> float:
        """Pods needed, unrounded."""
        return max(self.drain_replicas, self.depth_replicas, self.running_replicas, self.wait_replicas)

    @property
    def reason(self) -> str:
        """The target that asks for the most pods, in CamelCase."""
        if self.replicas == self.running_replicas:
            return "RunningTasks"
        if self.replicas == self.wait_replicas:
            return "OldestTask"
        return "DrainTarget" if self.drain_replicas >= self.depth_replicas else "DepthTarget"


def measure_demand(spec: PoolSpec, load: PoolLoad, current: int = 0, *, started: bool = False) -> Demand:
    """The demand of ``load`` for the targets of ``spec``.

    Args:
        spec: the pool's spec.
        load: the load of its queues.
        current: the present number of replicas.
        started: no pod is still starting.
    """
    slots = [_needed_slots(spec, queue) for queue in load.queues]
    tasks_per_replica = spec.target.tasks_per_replica
    return Demand(
        slots=sum(slots),
        drain_replicas=sum(slots) / spec.slots_per_replica,
        depth_replicas=load.backlog / tasks_per_replica if tasks_per_replica else 0.0,
        running_replicas=round_up(load.active / spec.slots_per_replica),
        wait_replicas=_replicas_for_wait(spec, load, current, started=started),
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
    waiting_task_s = task_s if queue.waiting_task_s is None else queue.waiting_task_s
    # Tasks that become due at the rate of the arrivals are arrivals already, such as retries in an outage.
    due_beyond_arrivals = max(0.0, queue.due_soon - rate * spec.look_ahead)
    draining = (queue.pending * waiting_task_s + due_beyond_arrivals * task_s) / spec.target.drain
    # No more slots than tasks to fill them: one long task cannot be split over several slots.
    fillable = (queue.active + rate * horizon_s) * headroom + queue.backlog
    return min(expected * headroom + draining, fillable)


def _replicas_for_wait(spec: PoolSpec, load: PoolLoad, current: int, *, started: bool) -> float:
    """Pods for a backlog that does not drain in time, in proportion to the wait of its oldest task.

    At most twice the present number, and no more than tasks can fill. While pods start, their number stays. Without
    running tasks more pods would not help: no worker runs what waits.
    """
    if spec.target.drain is None:
        return 0.0
    overdue = [queue for queue in load.queues if queue.active > 0 and queue.pending > 0]
    wait = max((queue.oldest_pending_s / spec.target.drain for queue in overdue), default=0.0)
    if wait <= 1 + spec.tolerance:
        return 0.0
    fillable = sum(queue.active + queue.backlog for queue in load.queues) / spec.slots_per_replica
    return min(current * (min(wait, 2.0) if started else 1.0), fillable)


def _task_s(spec: PoolSpec, queue: QueueLoad) -> float:
    if queue.task_s is not None:
        return queue.task_s
    return max(spec.target.assumed_task_duration, queue.least_task_s)


def _mean_task_s(spec: PoolSpec, load: PoolLoad, slots: list[float]) -> float:
    weights = slots if sum(slots) > 0 else [1.0] * len(slots)
    durations = [_task_s(spec, queue) for queue in load.queues]
    return sum(each * weight for each, weight in zip(durations, weights, strict=True)) / max(sum(weights), _ROUNDING)
