"""Autoscaling policies: Taskyard's planner, and models of HPA and KEDA.

The models follow the documented behaviour with its defaults: HPA's sync of 15 s, tolerance of 10 %, growth by the
greater of 100 % and 4 pods every 15 s, scale-down window of 300 s; KEDA's poll of 30 s and cooldown of 300 s. Neither
selects pods at scale-in: the ReplicaSet removes pods that are not ready, then the youngest.
"""

from __future__ import annotations

import math
from collections import deque

from benchmarks.autoscaling.simulation import BUCKETS_S, GRACE_S, Metrics, Pod, Simulation, Trace
from queuecontroller.plan.history import History
from queuecontroller.plan.meter import LoadMeter
from queuecontroller.plan.planner import event_memory_s, limit_scale_in, plan
from queuecontroller.plan.reading import Counter, QueueReading, Reading
from queuecontroller.plan.scale_in import Pod as KnownPod
from queuecontroller.plan.scale_in import find_removable, may_drain
from queuecontroller.plan.spec import read_spec

SYNC_S = 15.0
WINDOW_S = 300.0
KEDA_POLL_S = 30.0
KEDA_COOLDOWN_S = 300.0


class HpaRules:
    """A HorizontalPodAutoscaler's default behaviour on an average value per pod."""

    def __init__(self) -> None:
        self._recommendations: deque[tuple[float, int]] = deque()

    def apply(self, now: float, current: int, value: float, target: float, trace: Trace) -> int:
        ratio = value / target / current if current else 1.0
        wanted = current if abs(ratio - 1) <= 0.1 else math.ceil(value / target)
        wanted = min(max(wanted, trace.least, 1), trace.most)
        self._recommendations.append((now, wanted))
        while self._recommendations[0][0] <= now - WINDOW_S:
            self._recommendations.popleft()
        if wanted < current:
            return min(current, max(each for _, each in self._recommendations))
        return min(wanted, max(2 * current, current + 4))


class HpaOnDepth:
    """An HPA on pending and running tasks, with 80 % of the slots of a pod as the target per pod."""

    name = "HPA on depth"
    interval_s = SYNC_S

    def __init__(self) -> None:
        self._rules = HpaRules()

    def decide(self, simulation: Simulation) -> int:
        trace, metrics = simulation.trace, simulation.read_metrics()
        depth = metrics.pending + metrics.active
        return self._rules.apply(simulation.now, simulation.wanted, depth, 0.8 * trace.slots, trace)

    def rank(self, pod: Pod) -> tuple[float, ...]:
        return (pod.ready, -pod.created_at)


class KedaList:
    """KEDA's redis-list scaler: an HPA on the length of the list, with activation from zero and scale to zero.

    It reads the list itself, so that its metrics are never late.
    """

    name = "KEDA list"
    interval_s = SYNC_S

    def __init__(self) -> None:
        self._rules = HpaRules()
        self._polled_at = -math.inf
        self._busy_at = 0.0

    def decide(self, simulation: Simulation) -> int:
        trace, length = simulation.trace, len(simulation.pending)
        if simulation.now - self._polled_at >= KEDA_POLL_S:
            self._polled_at = simulation.now
            if length:
                self._busy_at = simulation.now
            if simulation.wanted == 0:
                return 1 if length else 0
            if trace.least == 0 and simulation.now - self._busy_at > KEDA_COOLDOWN_S:
                return 0
        if simulation.wanted == 0:
            return 0
        return self._rules.apply(simulation.now, simulation.wanted, length, trace.slots, trace)

    def rank(self, pod: Pod) -> tuple[float, ...]:
        return (pod.ready, -pod.created_at)


class Taskyard:
    """The controller's own planner. Its spec follows the trace: slots, utilization, bounds and drain target."""

    name = "Taskyard"
    interval_s = 5.0

    def __init__(self, trace: Trace) -> None:
        self._spec = read_spec(
            {
                "scaleTargetRef": {"name": "worker"},
                "queues": ["default"],
                "minReplicas": trace.least,
                "maxReplicas": trace.most,
                "slotsPerReplica": trace.slots,
                "target": {"drain": trace.drain, "utilization": trace.utilization},
                "lookAhead": f"{trace.start_s + 10:g}s",
                "idleAfter": "2m",
                "behavior": {"scaleUp": {"policies": []}, "scaleDown": {"stabilizationWindow": "1m"}},
                "metrics": {"endpoint": "http://taskyard-api:8080/metrics"},
            }
        )
        self._meter = LoadMeter(self._spec.queues, self._spec.look_ahead, self.interval_s / 2)
        self._history = History()
        self._victims: list[str] = []

    def decide(self, simulation: Simulation) -> int:
        metrics = simulation.read_metrics()
        load = self._meter.measure(Reading(metrics.at_s, {"default": _read(metrics)}))
        decision = plan(self._spec, load, simulation.wanted, self._history, simulation.now)
        self._victims = []
        if decision.action == "ScaleIn":
            pods = [_known(pod) for pod in simulation.live]
            drain = may_drain(self._spec.behavior.scale_down.spare_busy_pods, load.longest_task_s, pods)
            removable = find_removable(pods, drain=drain)
            decision = limit_scale_in(decision, len(pods) - len(removable), sum(pod.is_busy for pod in pods))
            self._victims = [pod.name for pod in removable]
        memory_s = event_memory_s(self._spec)
        self._history = decision.history.with_replicas(simulation.now, decision.desired, memory_s)
        return decision.desired

    def rank(self, pod: Pod) -> tuple[float, ...]:
        name = str(pod.number)
        return (self._victims.index(name) if name in self._victims else math.inf,)


def _read(metrics: Metrics) -> QueueReading:
    total, within = 0, {}
    for bound, number in zip((*BUCKETS_S, math.inf), metrics.bucket_counts, strict=True):
        total += number
        within[float(bound)] = float(total)
    ended: Counter = {(name,): number for name, number in metrics.ended.items()}
    return QueueReading(
        pending=metrics.pending,
        active=metrics.active,
        oldest_pending_s=metrics.oldest_pending_s,
        due=metrics.due,
        enqueued={(name,): number for name, number in metrics.enqueued.items()},
        ended=ended,
        run_s={(name,): seconds for name, seconds in metrics.run_s.items()},
        runs=ended,
        runs_within=within,
    )


def _known(pod: Pod) -> KnownPod:
    return KnownPod(
        name=str(pod.number), ready=pod.ready, running=len(pod.running) if pod.ready else None, grace_s=GRACE_S
    )
