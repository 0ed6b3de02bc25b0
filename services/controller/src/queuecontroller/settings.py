"""The controller's settings: variables ``TASKYARD_CONTROLLER_*``, and those of the logs."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from queuecore.settings.shared import ProcessSettings
from queuecore.settings.variable import DurationMs

PREFIX = "TASKYARD_CONTROLLER_"


class ControllerSettings(ProcessSettings, frozen=True, kw_only=True):
    """How the controller keeps the pools."""

    namespaces: Annotated[
        tuple[str, ...],
        Meta(description="Namespaces whose pools are kept; `*` is all; if unset, the controller's own."),
    ] = ()
    interval_ms: Annotated[DurationMs, Meta(ge=1, description="How often each pool is looked at.")] = 5_000
    deletion_cost_wait_ms: Annotated[
        DurationMs,
        Meta(ge=0, description="How long the ReplicaSet controller gets to see which pods are to go."),
    ] = 2_000
    peering: Annotated[
        str, Meta(description="Name of the KopfPeering by which replicas agree on the one that leads.")
    ] = "taskyard-controller"
    peering_lifetime_ms: Annotated[
        DurationMs, Meta(ge=1_000, description="A replica that is silent for so long leads no more.")
    ] = 20_000
    standalone: Annotated[
        bool, Meta(description="Whether there is one replica only, so that it need not ask others.")
    ] = False
    probe_host: Annotated[str, Meta(description="Address for /live, /ready and /metrics.")] = "0.0.0.0"  # noqa: S104 - kubelets and Prometheus come from other hosts
    probe_port: Annotated[int, Meta(ge=0, le=65_535, description="Port for them; 0 takes a free one.")] = 9090
