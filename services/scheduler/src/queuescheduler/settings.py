"""The scheduler's settings: variables ``TASKYARD_SCHEDULER_*``, and those that all services share."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from queuecore.settings.shared import ServiceSettings

PREFIX = "TASKYARD_SCHEDULER_"


class SchedulerSettings(ServiceSettings, frozen=True, kw_only=True):
    """How the scheduler keeps the queues."""

    poison_losses: Annotated[
        int,
        Meta(ge=1, description="A task is archived when so many workers in a row were lost while running it."),
    ] = 2
    probe_host: Annotated[str, Meta(description="Address for /live, /ready and /metrics.")] = "0.0.0.0"  # noqa: S104 - kubelets and Prometheus come from other hosts
    probe_port: Annotated[int, Meta(ge=0, le=65_535, description="Port for them; 0 takes a free one.")] = 9090
