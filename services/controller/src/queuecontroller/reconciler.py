"""Keeping one pool: look, decide, act, tell; and again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import structlog

from queuecontroller.apply import Applier, TargetState
from queuecontroller.cluster.client import Cluster, Object
from queuecontroller.conditions import Condition, Notice, find_notices, judge
from queuecontroller.errors import (
    ClusterError,
    ClusterUnavailable,
    ControllerError,
    ObjectChanged,
    ObjectMissing,
    PoolRefused,
    ReadingFailed,
)
from queuecontroller.load_reader import LoadReader
from queuecontroller.metrics.http import Endpoints
from queuecontroller.plan.behavior import longest_period_s
from queuecontroller.plan.decision import Decision
from queuecontroller.plan.history import History
from queuecontroller.plan.planner import hold, pause, plan
from queuecontroller.plan.spec import PoolSpec, read_spec
from queuecontroller.pool_metrics import ControllerMetrics
from queuecontroller.status import read_history, write_conditions, write_decision, write_history

STATUS_REFRESH_S = 30.0
"""A status in which nothing but times and rates differs is written so seldom."""
CONFLICT_RETRY_S = 1.0
LONGEST_BACKOFF_S = 60.0

log = structlog.get_logger()


class Claim(NamedTuple):
    """A pool's claim on its target; the least of all claims holds."""

    created: str
    uid: str
    name: str


class Kept(NamedTuple):
    """What came of one look."""

    notices: list[Notice]
    again_in_s: float


class _Done(NamedTuple):
    decision: Decision
    target: TargetState
    problem: ReadingFailed | None
    """Why the queues could not be read."""


class PoolReconciler:
    """Keeps one pool.

    Args:
        namespace: the pool's.
        name: the pool's.
        cluster: for the pool itself, and to see who else scales the target.
        applier: carries decisions out.
        endpoints: to read metrics.
        metrics: counts.
        interval_s: how often to look.
        clock: Unix seconds.
    """

    def __init__(
        self,
        *,
        namespace: str,
        name: str,
        cluster: Cluster,
        applier: Applier,
        endpoints: Endpoints,
        metrics: ControllerMetrics,
        interval_s: float,
        clock: Callable[[], float],
    ) -> None:
        self._namespace = namespace
        self._name = name
        self._cluster = cluster
        self._applier = applier
        self._metrics = metrics
        self._interval_s = interval_s
        self._clock = clock
        self._sight = LoadReader(endpoints, interval_s)
        self._log = log.bind(namespace=namespace, pool=name)
        self._uid = ""
        self._history: History | None = None
        self._marks_left = True
        """Whether pods may be marked to go though none is going; a predecessor may have been stopped half way."""
        self._written: Mapping[str, Any] = {}
        self._written_at_s = 0.0
        self._failures = 0

    async def keep(self, claims: Iterable[Claim]) -> Kept | None:
        """Look once, and do what is needed.

        Args:
            claims: those of all pools on this one's target.

        Returns:
            ``None`` when there is no such pool any more.
        """
        try:
            pool = await self._cluster.get_pool(self._namespace, self._name)
        except ObjectMissing:
            return None
        except ClusterError as error:
            return Kept([], self._back_off(error))
        if self._uid not in ("", pool["metadata"]["uid"]) or "deletionTimestamp" in pool["metadata"]:
            return None
        self._uid = pool["metadata"]["uid"]
        try:
            done = await self._act(pool, claims)
        except ObjectChanged as error:
            self._back_off(error)
            return Kept([], CONFLICT_RETRY_S)
        except ControllerError as error:
            ready = Condition("Ready", "False", error.reason, str(error))
            return Kept(await self._tell(pool, {}, [ready]), self._back_off(error))
        self._failures = 0
        return Kept(await self._report(pool, done), self._interval_s)

    def forget(self) -> None:
        """Tell no more of the pool in metrics."""
        self._metrics.forget(self._namespace, self._name)

    async def _act(self, pool: Object, claims: Iterable[Claim]) -> _Done:
        spec = read_spec(pool["spec"])
        target = await self._applier.look(self._namespace, spec.scale_target_ref.name)
        await self._refuse_rivals(pool, spec, claims)
        decision, problem = await self._decide(pool, spec, target)
        self._history = decision.history
        if spec.paused:
            return _Done(pause(decision), target, problem)
        done = await self._applier.apply(spec, target, decision)
        self._history = done.history.note_replicas(self._clock(), done.desired, longest_period_s(spec.behavior))
        await self._clean(target, done)
        return _Done(done, target, problem)

    async def _refuse_rivals(self, pool: Object, spec: PoolSpec, claims: Iterable[Claim]) -> None:
        metadata, name = pool["metadata"], spec.scale_target_ref.name
        oldest = min((*claims, Claim(metadata["creationTimestamp"], metadata["uid"], self._name)))
        if oldest.uid != metadata["uid"]:
            raise PoolRefused("TargetClaimed", f"Deployment {name} is kept by the older WorkerPool {oldest.name}")
        for autoscaler in await self._cluster.list_autoscalers(self._namespace):
            ref = autoscaler["spec"]["scaleTargetRef"]
            if (ref.get("kind"), ref.get("name")) == (spec.scale_target_ref.kind, name):
                other = autoscaler["metadata"]["name"]
                raise PoolRefused(
                    "TargetHasAutoscaler",
                    f"Deployment {name} is scaled by the HorizontalPodAutoscaler {other} too: delete one of the two",
                )

    async def _decide(self, pool: Object, spec: PoolSpec, target: TargetState) -> tuple[Decision, ReadingFailed | None]:
        past = read_history(pool.get("status", {})) if self._history is None else self._history
        try:
            load = await self._sight.look(spec)
        except ReadingFailed as problem:
            self._log.warning("metrics_unavailable", reason=problem.reason, error=str(problem))
            return hold(spec, target.replicas, past, self._clock(), problem.reason), problem
        return plan(spec, load, target.replicas, past, self._clock()), None

    async def _clean(self, target: TargetState, done: Decision) -> None:
        """Take the marks away of pods that were to go and have stayed, once nothing is going."""
        if self._marks_left and done.action != "ScaleIn":
            await self._applier.clean(target)
        self._marks_left = done.action == "ScaleIn" or done.busy_pods is not None

    async def _report(self, pool: Object, done: _Done) -> list[Notice]:
        decision = done.decision
        self._metrics.note_decision(self._namespace, self._name, decision)
        told = write_decision(decision, self._clock()) | {"readyReplicas": done.target.ready}
        notices = await self._tell(pool, told, judge(decision, done.problem), must=decision.action != "Hold")
        if decision.action == "Hold":
            return notices
        numbers = {"replicas_before": decision.current, "replicas": decision.desired}
        self._log.info("pool_scaled", **numbers, reason=decision.reason, detail=decision.message)
        return [*notices, Notice("Normal", decision.action, decision.message)]

    async def _tell(
        self, pool: Object, told: dict[str, Any], conditions: list[Condition], *, must: bool = False
    ) -> list[Notice]:
        """Write the status, if it says anything new or ``must`` be; the Events that go with it."""
        now_s = self._clock()
        before = self._written.get("conditions") or pool.get("status", {}).get("conditions") or []
        generation = pool["metadata"].get("generation", 0)
        kept = [each for each in before if each["type"] not in {one.type for one in conditions}]
        status: dict[str, Any] = {
            "observedGeneration": generation,
            **told,
            **({} if self._history is None else write_history(self._history)),
            "conditions": kept + write_conditions(conditions, before, generation, now_s),
        }
        is_old = now_s - self._written_at_s >= STATUS_REFRESH_S
        if not must and not is_old and _timeless(status) == _timeless(self._written):
            return []
        try:
            await self._cluster.set_pool_status(self._namespace, self._name, status)
        except ClusterError as error:
            self._back_off(error)
            return []
        self._written, self._written_at_s = status, now_s
        return find_notices(before, conditions)

    def _back_off(self, error: ControllerError) -> float:
        """Count a failure; for how many seconds to leave things alone."""
        self._log.warning("pool_not_kept", reason=error.reason, error=str(error))
        self._metrics.note_failure(self._namespace, self._name, error.reason)
        if not isinstance(error, ClusterError):
            return self._interval_s
        self._failures += 1
        doubled_s = self._interval_s * float(2 ** min(self._failures - 1, 10))
        asked_s = error.retry_after_s if isinstance(error, ClusterUnavailable) else 0.0
        return max(min(doubled_s, LONGEST_BACKOFF_S), self._interval_s, asked_s)


_OF_THE_MOMENT = ("time", "recommendations", "scaleEvents", "message", "arrivalsPerSecond", "lastTransitionTime")


def _timeless(status: Mapping[str, Any]) -> Mapping[str, Any]:
    """What of a status is news when it differs."""
    return {
        key: _timeless(value) if isinstance(value, dict) else value
        for key, value in status.items()
        if key not in _OF_THE_MOMENT
    }
