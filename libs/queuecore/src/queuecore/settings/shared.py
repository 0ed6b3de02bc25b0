"""Settings that all services share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from queuecore.settings.variable import DurationMs, Secret, named


class RedisSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Connection to the store. Variables: ``TASKYARD_REDIS_*``."""

    url: Annotated[
        str,
        Meta(
            pattern=r"^rediss?(\+(sentinel|cluster))?://",
            description="The Redis or Valkey server: single, behind Sentinels, or a Cluster; `rediss` is TLS.",
            examples=[
                "redis://host:6379/0",
                "redis+sentinel://host:26379,host:26379/mymaster/0",
                "rediss+cluster://host:6379",
            ],
        ),
    ] = "redis://127.0.0.1:6379/0"
    username: Annotated[str | None, Meta(description="ACL user; overrides the one in the URL.")] = None
    password: Annotated[Secret | None, Meta(description="Password; overrides the one in the URL.")] = None
    tls_ca_file: Annotated[Path | None, Meta(description="CA certificates (PEM) to verify the server.")] = None
    timeout_ms: Annotated[DurationMs, Meta(ge=1, description="Timeout of one call.")] = 1_500
    connect_timeout_ms: Annotated[DurationMs, Meta(ge=1, description="Timeout for opening a connection.")] = 1_000
    max_connections: Annotated[
        int, Meta(ge=1, description="Maximum of concurrent calls of one process, each on its own connection.")
    ] = 64


class LogSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Log output. Variables: ``TASKYARD_LOG_*``."""

    level: Annotated[
        Literal["debug", "info", "warning", "error", "critical"],
        Meta(description="The lowest level that is logged."),
    ] = "info"
    format: Annotated[
        Literal["auto", "json", "human"],
        Meta(description="`auto` is `human` on a terminal and `json` elsewhere."),
    ] = "auto"


_HttpUrl = Annotated[str, Meta(pattern="^https?://")]


class TraceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Export and sampling of traces. The variables are the standard ones of OpenTelemetry."""

    endpoint: Annotated[
        _HttpUrl | None,
        Meta(
            description="The OTLP collector. Unset: no tracing.",
            examples=["http://otel-collector:4318"],
            extra=named("OTEL_EXPORTER_OTLP_ENDPOINT"),
        ),
    ] = None
    traces_endpoint: Annotated[
        _HttpUrl | None,
        Meta(
            description="The URL for traces, if it is not the one above with `/v1/traces`.",
            examples=["http://otel-collector:4318/v1/traces"],
            extra=named("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"),
        ),
    ] = None
    protocol: Annotated[
        Literal["http/protobuf", "grpc"],
        Meta(description="Protocol of the collector.", extra=named("OTEL_EXPORTER_OTLP_PROTOCOL")),
    ] = "http/protobuf"
    headers: Annotated[
        Secret | None,
        Meta(
            description="Headers for the collector, `name=value` separated by commas, such as a token.",
            extra=named("OTEL_EXPORTER_OTLP_HEADERS"),
        ),
    ] = None
    sampler: Annotated[
        Literal[
            "always_on",
            "always_off",
            "traceidratio",
            "parentbased_always_on",
            "parentbased_always_off",
            "parentbased_traceidratio",
        ],
        Meta(
            description="Sampler. The `parentbased` ones follow the caller's decision, if there is a caller.",
            extra=named("OTEL_TRACES_SAMPLER"),
        ),
    ] = "parentbased_always_on"
    sampler_arg: Annotated[
        float,
        Meta(
            ge=0,
            le=1,
            description="Ratio of traces that the `traceidratio` samplers keep.",
            extra=named("OTEL_TRACES_SAMPLER_ARG"),
        ),
    ] = 1.0
    service_name: Annotated[
        str | None,
        Meta(
            description="Service name in traces; unset: `taskyard-` and the service.",
            extra=named("OTEL_SERVICE_NAME"),
        ),
    ] = None
    resource_attributes: Annotated[
        str | None,
        Meta(
            description="Further attributes of the process, `name=value` separated by commas.",
            examples=["k8s.namespace.name=shop,deployment.environment.name=production"],
            extra=named("OTEL_RESOURCE_ATTRIBUTES"),
        ),
    ] = None
    exporter: Annotated[
        Literal["otlp", "none"],
        Meta(description="`none` turns tracing off.", extra=named("OTEL_TRACES_EXPORTER")),
    ] = "otlp"
    disabled: Annotated[bool, Meta(description="`true` turns tracing off.", extra=named("OTEL_SDK_DISABLED"))] = False

    @property
    def on(self) -> bool:
        """True when traces are exported."""
        has_endpoint = self.endpoint is not None or self.traces_endpoint is not None
        return has_endpoint and self.exporter == "otlp" and not self.disabled


class ProcessSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of every process."""

    log: LogSettings = LogSettings()
    trace: TraceSettings = TraceSettings()


class ServiceSettings(ProcessSettings, frozen=True, kw_only=True):
    """Settings of every service that uses the store."""

    redis: RedisSettings = RedisSettings()
