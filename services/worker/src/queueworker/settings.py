"""Settings of the worker: variables ``TASKYARD_WORKER_*``, and those that all services share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Annotated, Literal

from msgspec import Meta

from queuecore.domain.names import check_queue_name
from queuecore.domain.task import DEFAULT_QUEUE
from queuecore.errors import InvalidField
from queuecore.settings.shared import ServiceSettings
from queuecore.settings.variable import DurationMs
from queueworker.queue_order import QueueOrder, StrictOrder, WeightedOrder

PREFIX = "TASKYARD_WORKER_"

_QUEUE = re.compile(r"(?P<name>[^:]+)(?::(?P<weight>[1-9][0-9]{0,5}))?")


class WorkerSettings(ServiceSettings, frozen=True, kw_only=True):
    """Configuration of a worker."""

    queues: Annotated[
        tuple[str, ...],
        Meta(
            min_length=1,
            description="Queues to lease from, each with a weight (default 1). Unset: the queues that the apps name.",
            examples=["critical:6,default:3,low:1"],
        ),
    ] = ()
    queue_order: Annotated[
        Literal["weighted", "strict"],
        Meta(
            description="`weighted`: the queues share the slots in proportion to their weights. "
            "`strict`: a queue is leased from only while all queues before it are empty."
        ),
    ] = "weighted"
    slots: Annotated[int, Meta(ge=1, le=10_000, description="Tasks that run concurrently.")] = 100
    processes: Annotated[
        int,
        Meta(
            ge=0,
            le=1_000,
            description="Processes for handlers registered with `process=True`; 0 starts one for each processor.",
        ),
    ] = 0
    apps: Annotated[
        tuple[str, ...],
        Meta(
            description="Apps whose tasks it runs, in addition to those of installed packages.",
            examples=["shop.tasks:app", "shop.tasks"],
        ),
    ] = ()
    demo: Annotated[bool, Meta(description="Run tasks of the built-in type `demo`.")] = True
    lease_ms: Annotated[
        DurationMs,
        Meta(
            ge=1_000,
            le=3_600_000,
            description="Time after which a lease expires unless it is renewed. Workers renew three times within it.",
        ),
    ] = 15_000
    drain_ms: Annotated[
        DurationMs,
        Meta(
            ge=0,
            description="Time after SIGTERM for running tasks to finish and for the store to accept their outcomes. "
            "The last fifth, at most 5s, is kept to stop and release unfinished tasks.",
        ),
    ] = 25_000
    safety_poll_ms: Annotated[
        DurationMs,
        Meta(ge=100, description="Interval at which an idle worker polls for tasks without a notification."),
    ] = 5_000
    probe_host: Annotated[str, Meta(description="Address on which /live, /ready and /metrics listen.")] = "0.0.0.0"  # noqa: S104 - kubelets and Prometheus come from other hosts
    probe_port: Annotated[
        int, Meta(ge=0, le=65_535, description="Port of /live, /ready and /metrics; 0 picks a free one.")
    ] = 9090

    def __post_init__(self) -> None:
        """Validate the names and weights of the queues."""
        self.order((DEFAULT_QUEUE,))

    def order(self, named_by_apps: Sequence[str]) -> QueueOrder:
        """Make the allocation of free slots to queues.

        Args:
            named_by_apps: queues to lease from if none are set.

        Raises:
            InvalidField: the name or weight of a queue is invalid.
        """
        weights = dict(_parse_queue(each) for each in self.queues or named_by_apps)
        return StrictOrder(list(weights)) if self.queue_order == "strict" else WeightedOrder(weights)


def _parse_queue(text: str) -> tuple[str, int]:
    variable = f"{PREFIX}QUEUES"
    found = _QUEUE.fullmatch(text)
    if found is None:
        raise InvalidField(variable, text, "queues with weights from 1 to 999999, as in critical:6,default:3,low:1")
    return check_queue_name(found["name"], variable), int(found["weight"] or 1)
