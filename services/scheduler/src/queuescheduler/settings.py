"""Settings of the scheduler: variables ``TASKYARD_SCHEDULER_*``, and those that all services share."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from queuecore.settings.shared import ServiceSettings
from queuecore.settings.variable import DurationMs

PREFIX = "TASKYARD_SCHEDULER_"


class SchedulerSettings(ServiceSettings, frozen=True, kw_only=True):
    """Configuration of a scheduler."""

    poison_losses: Annotated[
        int,
        Meta(ge=1, description="Workers lost in a row while they ran a task, after which it is archived as poison."),
    ] = 2
    priority_ageing_ms: Annotated[
        DurationMs,
        Meta(
            ge=0,
            le=365 * 24 * 60 * 60_000,
            description="Waiting time after which a pending task counts as one of priority 1; after n times as long as "
            "one of priority n. `0s`: priorities do not age.",
        ),
    ] = 0
    probe_host: Annotated[str, Meta(description="Address on which /live, /ready and /metrics listen.")] = "0.0.0.0"  # noqa: S104 - kubelets and Prometheus come from other hosts
    probe_port: Annotated[
        int, Meta(ge=0, le=65_535, description="Port of /live, /ready and /metrics; 0 picks a free one.")
    ] = 9090
