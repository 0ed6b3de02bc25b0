"""Typed spec of a WorkerPool, with the defaults of the CustomResourceDefinition."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from queuecontroller.errors import InvalidSpec
from queuecore.domain.duration import parse_duration
from queuecore.errors import InvalidDuration

Count = Annotated[int, Meta(ge=1, le=100_000_000)]


class Seconds(float):
    """A duration, written as ``30s``."""

    __slots__ = ()


class Policy(msgspec.Struct, frozen=True):
    """The largest change of the number of pods within a period."""

    type: Literal["Pods", "Percent"]
    value: Count
    period: Seconds


class ScalingRules(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Scaling rules for one direction."""

    stabilization_window: Seconds
    select_policy: Literal["Max", "Min", "Disabled"] = "Max"
    policies: tuple[Policy, ...]


class ScaleUp(ScalingRules, frozen=True, rename="camel", kw_only=True):
    """Rules for scale-out."""

    stabilization_window: Seconds = Seconds(0)
    policies: tuple[Policy, ...] = (Policy("Percent", 400, Seconds(15)), Policy("Pods", 10, Seconds(15)))


class ScaleDown(ScalingRules, frozen=True, rename="camel", kw_only=True):
    """Rules for scale-in."""

    stabilization_window: Seconds = Seconds(300)
    policies: tuple[Policy, ...] = (Policy("Percent", 100, Seconds(15)),)
    spare_busy_pods: Literal["Auto", "Always", "Never"] = "Auto"


class Behavior(msgspec.Struct, frozen=True, rename="camel"):
    """Scaling rules for both directions."""

    scale_up: ScaleUp = ScaleUp()
    scale_down: ScaleDown = ScaleDown()


class Target(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Scaling targets."""

    drain: Seconds | None = None
    tasks_per_replica: Count | None = None
    utilization: Annotated[int, Meta(ge=1, le=100)] = 80
    assumed_task_duration: Seconds = Seconds(1)


class TargetRef(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Reference to the scaled object."""

    api_version: Literal["apps/v1"] = "apps/v1"
    kind: Literal["Deployment"] = "Deployment"
    name: Annotated[str, Meta(min_length=1)]


class PrometheusRef(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """A Prometheus server."""

    url: Annotated[str, Meta(pattern="^https?://")]
    selector: Annotated[str, Meta(pattern="^[^{}]*$")] = ""


class MetricsRef(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Source of queue metrics and of the workers' busy slots."""

    endpoint: Annotated[str, Meta(pattern="^https?://")] | None = None
    prometheus: PrometheusRef | None = None
    workers_endpoint: Annotated[str, Meta(pattern="^https?://")] | None = None
    timeout: Seconds = Seconds(5)
    stale_after: Seconds = Seconds(60)


class PoolSpec(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """The spec of a pool."""

    scale_target_ref: TargetRef
    queues: Annotated[tuple[str, ...], Meta(min_length=1)]
    min_replicas: Annotated[int, Meta(ge=0, le=10_000)] = 0
    max_replicas: Annotated[int, Meta(ge=1, le=10_000)]
    slots_per_replica: Count = 100
    target: Target = Target(drain=Seconds(30))
    look_ahead: Seconds = Seconds(60)
    tolerance: Annotated[float, Meta(ge=0, le=1)] = 0.1
    idle_after: Seconds = Seconds(300)
    paused: bool = False
    behavior: Behavior = Behavior()
    metrics: MetricsRef = MetricsRef()

    def __post_init__(self) -> None:
        if self.min_replicas > self.max_replicas:
            raise ValueError(f"minReplicas ({self.min_replicas}) is more than maxReplicas ({self.max_replicas})")
        if self.target.drain is None and self.target.tasks_per_replica is None:
            raise ValueError("target has neither drain nor tasksPerReplica")
        if self.target.drain is not None and self.target.drain <= 0:
            raise ValueError("target.drain is 0s")
        if self.metrics.endpoint is not None and self.metrics.prometheus is not None:
            raise ValueError("metrics has both endpoint and prometheus")


def read_spec(spec: Mapping[str, Any], metrics_endpoint: str = "") -> PoolSpec:
    """Validate a spec. The API server's validation is not trusted: its schema may be older, or edited.

    Args:
        spec: as the API server returns it.
        metrics_endpoint: URL of the metrics of a pool that names no source; empty for none.

    Raises:
        InvalidSpec: the spec is invalid; the message names the field.
    """
    try:
        found = msgspec.convert(spec, PoolSpec, dec_hook=_read_duration)
    except (msgspec.ValidationError, ValueError) as error:
        raise InvalidSpec(f"spec: {error}") from None
    if found.metrics.endpoint is not None or found.metrics.prometheus is not None:
        return found
    if not metrics_endpoint:
        raise InvalidSpec(
            "spec.metrics.endpoint is not set, and the controller has no default: TASKYARD_CONTROLLER_METRICS_ENDPOINT"
        )
    metrics = msgspec.structs.replace(found.metrics, endpoint=metrics_endpoint)
    return msgspec.structs.replace(found, metrics=metrics)


def _read_duration(kind: type, value: object) -> object:
    if kind is not Seconds or not isinstance(value, str):
        raise ValueError(f"expected a duration such as 30s, got {value!r}")
    try:
        return Seconds(parse_duration(value) / 1000)
    except InvalidDuration as error:
        raise ValueError(str(error)) from None
