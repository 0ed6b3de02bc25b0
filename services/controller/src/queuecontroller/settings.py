"""Settings of the controller: variables ``TASKYARD_CONTROLLER_*``, logging and tracing."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from queuecore.settings.shared import ProcessSettings
from queuecore.settings.variable import DurationMs

PREFIX = "TASKYARD_CONTROLLER_"


class ControllerSettings(ProcessSettings, frozen=True, kw_only=True):
    """Settings of one controller process."""

    namespaces: Annotated[
        tuple[str, ...],
        Meta(description="Namespaces whose WorkerPools are reconciled; `*` for all; if unset, the controller's own."),
    ] = ()
    metrics_endpoint: Annotated[
        str,
        Meta(
            pattern=r"^$|^https?://[^\s/@]+(/\S*)?$",
            description="URL of the API's metrics for WorkerPools without `metrics`, such as "
            "`http://taskyard-api:8080/metrics`; if empty, every pool must name its own.",
        ),
    ] = ""
    interval_ms: Annotated[DurationMs, Meta(ge=1, description="Time between two reconciliations of a pool.")] = 5_000
    deletion_cost_wait_ms: Annotated[
        DurationMs,
        Meta(ge=0, description="Time at scale-in for the ReplicaSet controller to observe the deletion costs of pods."),
    ] = 2_000
    peering: Annotated[str, Meta(description="Name of the KopfPeering that replicas use for leader election.")] = (
        "taskyard-controller"
    )
    peering_lifetime_ms: Annotated[
        DurationMs,
        Meta(ge=1_000, description="Time without a heartbeat after which another replica takes over as leader."),
    ] = 20_000
    role: Annotated[
        str,
        Meta(
            description="Name of the Role of this controller, with the namespaces `*` of its ClusterRole. It owns the "
            "KopfPeering, which Kubernetes deletes with its last owner; if empty, the KopfPeering stays."
        ),
    ] = ""
    standalone: Annotated[bool, Meta(description="Skip leader election; for a single replica.")] = False
    probe_host: Annotated[str, Meta(description="Address of /live, /ready and /metrics.")] = "0.0.0.0"  # noqa: S104 - kubelets and Prometheus come from other hosts
    probe_port: Annotated[
        int, Meta(ge=0, le=65_535, description="Port of /live, /ready and /metrics; 0 picks a free one.")
    ] = 9090
