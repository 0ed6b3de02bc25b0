"""The API's settings: ``TASKYARD_API_*``, and those that all services share."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Literal

from msgspec import Meta

from queuecore.domain.durability import MEMORY
from queuecore.domain.task import ARCHIVE_RETENTION_MS, DEFAULT_MAX_RETRIES, DEFAULT_RETENTION_MS, DEFAULT_TIMEOUT_MS
from queuecore.settings.shared import ServiceSettings
from queuecore.settings.variable import DurabilityLevel, DurationMs, SizeBytes
from queuecore.store.tasks.enqueue import IDEMPOTENCY_TTL_MS

PREFIX = "TASKYARD_API_"
MAX_RETENTION_MS = 100 * 365 * 24 * 60 * 60_000
_TASK_FIELDS_BYTES = 64 * 1024
"""Room for the fields of a task other than its payload."""


class ApiSettings(ServiceSettings, frozen=True, kw_only=True):
    """Address, limits and timeouts of the API, and defaults for fields that a task leaves out."""

    host: Annotated[str, Meta(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65_535, description="TCP port to listen on.")] = 8080
    auth: Annotated[
        Literal["none"] | None,
        Meta(description="Authentication of callers. `none`: no authentication; required to listen beyond loopback."),
    ] = None
    unknown_types: Annotated[
        Literal["reject", "accept"],
        Meta(description="Handling of tasks whose type no worker has registered."),
    ] = "reject"
    max_payload_bytes: Annotated[
        SizeBytes, Meta(ge=2, le=256 * 1024**2, description="Maximum size of a task's payload, as compact JSON.")
    ] = 1024**2
    max_body_bytes: Annotated[
        SizeBytes, Meta(ge=1024, le=512 * 1024**2, description="Maximum size of a request body, batches included.")
    ] = 16 * 1024**2
    max_task_body_bytes: Annotated[
        Annotated[SizeBytes, Meta(ge=1024, le=512 * 1024**2)] | None,
        Meta(
            description="Maximum size of a request body for one task, and of each task of a batch. Unset: twice the "
            "maximum payload plus 64 KiB, at most the maximum request body."
        ),
    ] = None
    max_in_flight_bytes: Annotated[
        Annotated[SizeBytes, Meta(ge=2048)] | None,
        Meta(
            description="Limit of all request bodies held at once; beyond it, requests get 503. Unread "
            "responses may hold a quarter of it; beyond that, slow clients are disconnected. At least twice the "
            "maximum request body. Unset: three times the maximum request body."
        ),
    ] = None
    queue_max_depth: Annotated[
        Annotated[int, Meta(ge=0, le=2**53 - 1)] | None,
        Meta(description="Limit of waiting tasks for queues without a limit of their own. Unset: no limit."),
    ] = None
    queue_max_size_bytes: Annotated[
        SizeBytes | None,
        Meta(description="Limit of stored bytes for queues without a limit of their own. Unset: no limit."),
    ] = None
    durability: Annotated[
        DurabilityLevel,
        Meta(
            description="Copies of a task before its enqueue is answered, for queues without their own setting: on the "
            "primary, on its disk, or on N of its replicas.",
        ),
    ] = MEMORY
    timeout_ms: Annotated[DurationMs, Meta(ge=1, description="Default `timeout` of a task.")] = DEFAULT_TIMEOUT_MS
    max_retries: Annotated[int, Meta(ge=0, le=10_000, description="Default `max_retries` of a task.")] = (
        DEFAULT_MAX_RETRIES
    )
    retention_ms: Annotated[DurationMs, Meta(ge=0, description="Default `retention` of a completed task.")] = (
        DEFAULT_RETENTION_MS
    )
    archive_retention_ms: Annotated[
        DurationMs,
        Meta(
            ge=0,
            le=MAX_RETENTION_MS,
            description="Default `archive_retention` of a task, for queues without a setting of their own.",
        ),
    ] = ARCHIVE_RETENTION_MS
    idempotency_ttl_ms: Annotated[
        DurationMs,
        Meta(
            ge=60_000,
            le=365 * 24 * 60 * 60_000,
            description="Time for which a repeated request with the same `Idempotency-Key` gets the first response.",
        ),
    ] = IDEMPOTENCY_TTL_MS
    types_refresh_ms: Annotated[
        DurationMs, Meta(ge=100, description="Interval between refreshes of the registered task types.")
    ] = 5_000
    header_timeout_ms: Annotated[
        DurationMs,
        Meta(ge=100, description="Time limit for a client to send a request's headers, idle time included."),
    ] = 30_000
    body_timeout_ms: Annotated[
        DurationMs, Meta(ge=100, description="Time limit for a client to send a request's body.")
    ] = 30_000
    read_timeout_ms: Annotated[
        DurationMs, Meta(ge=100, description="Time limit for a client to read the next part of a response.")
    ] = 30_000
    drain_ms: Annotated[
        DurationMs, Meta(ge=0, description="Time limit for requests in flight to finish after SIGTERM.")
    ] = 20_000
    linger_ms: Annotated[
        DurationMs,
        Meta(
            ge=0,
            description="Time that open connections stay usable after SIGTERM; each response then announces the "
            "close. It ends early when no connection is open, and counts into the drain time.",
        ),
    ] = 5_000

    def __post_init__(self) -> None:
        if self.auth is None and not _is_loopback(self.host):
            raise ValueError(
                f"TASKYARD_API_AUTH: must be set, as TASKYARD_API_HOST ({self.host}) can be reached from elsewhere; "
                "`none` lets everybody in who can reach it"
            )
        if self.max_body_bytes < self.max_payload_bytes:
            raise ValueError("TASKYARD_API_MAX_BODY: must not be less than TASKYARD_API_MAX_PAYLOAD")
        if self.task_body_limit_bytes < self.max_payload_bytes:
            raise ValueError("TASKYARD_API_MAX_TASK_BODY: must not be less than TASKYARD_API_MAX_PAYLOAD")
        if self.task_body_limit_bytes > self.max_body_bytes:
            raise ValueError("TASKYARD_API_MAX_TASK_BODY: must not be more than TASKYARD_API_MAX_BODY")
        if self.in_flight_limit_bytes < 2 * self.max_body_bytes:
            raise ValueError("TASKYARD_API_MAX_IN_FLIGHT: must not be less than twice TASKYARD_API_MAX_BODY")

    @property
    def task_body_limit_bytes(self) -> int:
        """Maximum size of a request body for one task, and of each task of a batch."""
        if self.max_task_body_bytes is not None:
            return self.max_task_body_bytes
        return min(2 * self.max_payload_bytes + _TASK_FIELDS_BYTES, self.max_body_bytes)

    @property
    def in_flight_limit_bytes(self) -> int:
        """Limit of all request bodies held at once."""
        return 3 * self.max_body_bytes if self.max_in_flight_bytes is None else self.max_in_flight_bytes

    @property
    def unread_limit_bytes(self) -> int:
        """Limit of all unread responses. Less than that of bodies: a partly written response is held as a whole."""
        return self.in_flight_limit_bytes // 4


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
