"""The worker's settings: variables ``TASKYARD_WORKER_*``, and those that all services share."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from msgspec import Meta

from queuecore.domain.names import check_queue_name
from queuecore.errors import InvalidField
from queuecore.settings.shared import ServiceSettings
from queuecore.settings.variable import DurationMs
from queueworker.queue_order import QueueOrder, StrictOrder, WeightedOrder

PREFIX = "TASKYARD_WORKER_"

_QUEUE = re.compile(r"(?P<name>[^:]+)(?::(?P<weight>[1-9][0-9]{0,5}))?")


class WorkerSettings(ServiceSettings, frozen=True, kw_only=True):
    """What a worker serves and how."""

    queues: Annotated[
        tuple[str, ...],
        Meta(
            min_length=1,
            description="The queues that it serves, each with its weight; without a weight it is 1.",
            examples=["critical:6,default:3,low:1"],
        ),
    ] = ("default",)
    queue_order: Annotated[
        Literal["weighted", "strict"],
        Meta(
            description="`weighted`: slots go to the queues in proportion to their weights. "
            "`strict`: a queue is served only while all named before it are empty."
        ),
    ] = "weighted"
    slots: Annotated[int, Meta(ge=1, le=10_000, description="Tasks that it runs at once.")] = 100
    processes: Annotated[
        int,
        Meta(
            ge=0,
            le=1_000,
            description="Processes for handlers registered with `process=True`; 0 takes one for each processor.",
        ),
    ] = 0
    handlers: Annotated[
        tuple[str, ...],
        Meta(
            description="Modules with handlers, besides the installed packages that offer some.",
            examples=["myapp.tasks", "myapp.tasks:handlers"],
        ),
    ] = ()
    demo: Annotated[bool, Meta(description="Whether it runs tasks of the built-in type `demo`.")] = True
    lease_ms: Annotated[
        DurationMs,
        Meta(
            ge=1_000,
            le=3_600_000,
            description="How long a task stays with a worker that is not heard of. Renewed three times as often.",
        ),
    ] = 15_000
    drain_ms: Annotated[
        DurationMs,
        Meta(ge=0, description="How long running tasks may go on after SIGTERM before they are given back."),
    ] = 25_000
    safety_poll_ms: Annotated[
        DurationMs,
        Meta(ge=100, description="How often an idle worker looks for tasks of which no notification came."),
    ] = 5_000
    probe_host: Annotated[str, Meta(description="Address for /live, /ready and /metrics.")] = "0.0.0.0"  # noqa: S104 - kubelets and Prometheus come from other hosts
    probe_port: Annotated[int, Meta(ge=0, le=65_535, description="Port for them; 0 takes a free one.")] = 9090

    def __post_init__(self) -> None:
        """Check the queues' names and weights."""
        self.order()

    def order(self) -> QueueOrder:
        """How free slots are divided.

        Raises:
            InvalidField: a queue's name or weight is not what the variable takes.
        """
        weights = dict(_parse_queue(each) for each in self.queues)
        return StrictOrder(list(weights)) if self.queue_order == "strict" else WeightedOrder(weights)


def _parse_queue(text: str) -> tuple[str, int]:
    variable = f"{PREFIX}QUEUES"
    found = _QUEUE.fullmatch(text)
    if found is None:
        raise InvalidField(variable, text, "queues with weights from 1 to 999999, as in critical:6,default:3,low:1")
    return check_queue_name(found["name"], variable), int(found["weight"] or 1)
