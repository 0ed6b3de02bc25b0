"""The api's settings: ``TASKYARD_API_*``, and the ones that all services share."""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated, Literal

from msgspec import Meta

from queuecore.domain.task import DEFAULT_MAX_RETRIES, DEFAULT_RETENTION_MS, DEFAULT_TIMEOUT_MS
from queuecore.settings.shared import ServiceSettings
from queuecore.settings.variable import DurationMs, SizeBytes

PREFIX = "TASKYARD_API_"


class ApiSettings(ServiceSettings, frozen=True, kw_only=True):
    """How the api serves, and what it fills in where a caller says nothing."""

    host: Annotated[str, Meta(description="Address to listen on.")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=1, le=65_535, description="TCP port to listen on.")] = 8080
    auth: Annotated[
        Literal["none"] | None,
        Meta(description="Who may call. `none`: everybody; must be given to listen beyond loopback."),
    ] = None
    unknown_types: Annotated[
        Literal["reject", "accept"],
        Meta(description="What becomes of a task whose type no worker has registered."),
    ] = "reject"
    max_payload_bytes: Annotated[
        SizeBytes, Meta(ge=2, le=256 * 1024**2, description="The largest payload of one task, as compact JSON.")
    ] = 1024**2
    max_body_bytes: Annotated[
        SizeBytes, Meta(ge=1024, le=512 * 1024**2, description="The largest request body, a batch included.")
    ] = 16 * 1024**2
    queue_max_depth: Annotated[
        Annotated[int, Meta(ge=0, le=2**53 - 1)] | None,
        Meta(description="The most tasks that may wait in a queue without a limit of its own; without it, no limit."),
    ] = None
    queue_max_size_bytes: Annotated[
        SizeBytes | None,
        Meta(description="The most bytes that the tasks of a queue without a limit of its own may take together."),
    ] = None
    timeout_ms: Annotated[DurationMs, Meta(ge=1, description="A task's `timeout` where the caller gives none.")] = (
        DEFAULT_TIMEOUT_MS
    )
    max_retries: Annotated[
        int, Meta(ge=0, le=10_000, description="A task's `max_retries` where the caller gives none.")
    ] = DEFAULT_MAX_RETRIES
    retention_ms: Annotated[
        DurationMs, Meta(ge=0, description="How long a completed task is kept where the caller does not say.")
    ] = DEFAULT_RETENTION_MS
    types_refresh_ms: Annotated[
        DurationMs, Meta(ge=100, description="How often the registered task types are read again.")
    ] = 5_000
    header_timeout_ms: Annotated[
        DurationMs,
        Meta(ge=100, description="How long a client may take to send a request's headers, idle time included."),
    ] = 30_000
    body_timeout_ms: Annotated[
        DurationMs, Meta(ge=100, description="How long a client may take to send a request's body.")
    ] = 30_000
    drain_ms: Annotated[
        DurationMs, Meta(ge=0, description="How long requests under way may take to end after SIGTERM.")
    ] = 20_000

    def __post_init__(self) -> None:
        if self.auth is None and not _is_loopback(self.host):
            raise ValueError(
                f"TASKYARD_API_AUTH: must be set, as TASKYARD_API_HOST ({self.host}) can be reached from elsewhere; "
                "`none` lets everybody in who can reach it"
            )
        if self.max_body_bytes < self.max_payload_bytes:
            raise ValueError("TASKYARD_API_MAX_BODY: must not be less than TASKYARD_API_MAX_PAYLOAD")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
