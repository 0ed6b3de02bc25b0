"""The policies: Taskyard's own planner, and models of the two that are in use.

The models follow the documented behaviour with its defaults: HPA's sync of 15 s, tolerance of 10 %, growth by the
greater of 100 % and 4 pods every 15 s, scale-down window of 300 s; KEDA's poll of 30 s and cooldown of 300 s. Neither
chooses who goes: the ReplicaSet takes pods that are not ready, then the youngest.
"""

from __future__ import annotations

import math
from collections import deque

from benchmarks.autoscaling.model import BUCKETS_S, GRACE_S, Pod, World
from queuecontroller.plan.behavior import longest_period_s
from queuecontroller.plan.history import History
from queuecontroller.plan.meter import LoadMeter, QueueReading, Reading
from queuecontroller.plan.planner import limit_scale_in, plan
from queuecontroller.plan.scale_in import Pod as KnownPod
from queuecontroller.plan.scale_in import find_removable, may_drain
from queuecontroller.plan.spec import read_spec

MOST = 100
SYNC_S = 15.0
WINDOW_S = 300.0
KEDA_POLL_S = 30.0
KEDA_COOLDOWN_S = 300.0


class HpaRules:
    """A HorizontalPodAutoscaler's default behaviour on an average value per pod."""

    def __init__(self) -> None:
        self._recommendations: deque[tuple[float, int]] = deque()

    def apply(self, now: float, current: int, value: float, target: float, least: int) -> int:
        ratio = value / target / current if current else 1.0
        wanted = current if abs(ratio - 1) <= 0.1 else math.ceil(value / target)
        wanted = min(max(wanted, least), MOST)
        self._recommendations.append((now, wanted))
        while self._recommendations[0][0] <= now - WINDOW_S:
            self._recommendations.popleft()
        if wanted < current:
            return min(current, max(each for _, each in self._recommendations))
        return min(wanted, max(2 * current, current + 4))


class HpaOnDepth:
    """An HPA on waiting and running tasks, so many per pod as it has slots, less the room of a utilization of 80 %."""

    name = "HPA on depth"
    interval_s = SYNC_S

    def __init__(self) -> None:
        self._rules = HpaRules()

    def decide(self, world: World) -> int:
        depth = len(world.pending) + world.active
        return self._rules.apply(world.now, world.wanted, depth, 0.8 * world.trace.slots, least=1)

    def rank(self, pod: Pod) -> tuple[float, ...]:
        return (pod.ready, -pod.created_at)


class KedaList:
    """KEDA's redis-list scaler: an HPA on the length of the list, which wakes it from zero and puts it back there."""

    name = "KEDA list"
    interval_s = SYNC_S

    def __init__(self) -> None:
        self._rules = HpaRules()
        self._polled_at = -math.inf
        self._busy_at = 0.0

    def decide(self, world: World) -> int:
        length = len(world.pending)
        if world.now - self._polled_at >= KEDA_POLL_S:
            self._polled_at = world.now
            if length:
                self._busy_at = world.now
            if world.wanted == 0:
                return 1 if length else 0
            if world.now - self._busy_at > KEDA_COOLDOWN_S:
                return 0
        if world.wanted == 0:
            return 0
        return self._rules.apply(world.now, world.wanted, length, world.trace.slots, least=1)

    def rank(self, pod: Pod) -> tuple[float, ...]:
        return (pod.ready, -pod.created_at)


class Taskyard:
    """The planner of the controller, as it is. Of its spec, only slots and utilization differ from trace to trace."""

    name = "Taskyard"
    interval_s = 5.0

    def __init__(self, slots: int, utilization: int) -> None:
        self._spec = read_spec(
            {
                "scaleTargetRef": {"name": "worker"},
                "queues": ["default"],
                "maxReplicas": MOST,
                "slotsPerReplica": slots,
                "target": {"drain": "2s", "utilization": utilization},
                "lookAhead": "30s",
                "idleAfter": "2m",
                "behavior": {"scaleUp": {"policies": []}, "scaleDown": {"stabilizationWindow": "1m"}},
                "metrics": {"endpoint": "http://taskyard-api:8080/metrics"},
            }
        )
        self._meter = LoadMeter(self._spec.queues, self._spec.look_ahead, self.interval_s / 2)
        self._history = History()
        self._victims: list[str] = []

    def decide(self, world: World) -> int:
        load = self._meter.measure(Reading(world.now, {"default": _read(world)}))
        decision = plan(self._spec, load, world.wanted, self._history, world.now)
        self._victims = []
        if decision.action == "ScaleIn":
            pods = [_known(pod) for pod in world.live]
            drain = may_drain(self._spec.behavior.scale_down.spare_busy_pods, load.longest_task_s, pods)
            removable = find_removable(pods, drain=drain)
            decision = limit_scale_in(decision, len(pods) - len(removable), sum(pod.is_busy for pod in pods))
            self._victims = [pod.name for pod in removable]
        period_s = longest_period_s(self._spec.behavior)
        self._history = decision.history.with_replicas(world.now, decision.desired, period_s)
        return decision.desired

    def rank(self, pod: Pod) -> tuple[float, ...]:
        name = str(pod.number)
        return (self._victims.index(name) if name in self._victims else math.inf,)


def _read(world: World) -> QueueReading:
    total, within = 0, {}
    for bound, number in zip((*BUCKETS_S, math.inf), world.bucket_counts, strict=True):
        total += number
        within[float(bound)] = float(total)
    labels = ("demo",)
    return QueueReading(
        pending=len(world.pending),
        active=world.active,
        due={seconds: world.due_within(seconds) for seconds in (0.0, 60.0, 300.0)},
        ended={labels: world.ended},
        run_s={labels: world.run_s},
        runs={labels: world.ended},
        runs_within=within,
    )


def _known(pod: Pod) -> KnownPod:
    return KnownPod(
        name=str(pod.number), ready=pod.ready, running=len(pod.running) if pod.ready else None, grace_s=GRACE_S
    )
