"""Settings that all services share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from queuecore.variable import DurationMs, Secret


class RedisSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where the store is. Variables: ``TASKYARD_REDIS_*``."""

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
    username: Annotated[str | None, Meta(description="ACL user; goes before the one in the URL.")] = None
    password: Annotated[Secret | None, Meta(description="Password; goes before the one in the URL.")] = None
    tls_ca_file: Annotated[Path | None, Meta(description="CA certificates (PEM) that vouch for the server.")] = None
    timeout_ms: Annotated[DurationMs, Meta(ge=1, description="How long the server may take to answer.")] = 1_500
    connect_timeout_ms: Annotated[DurationMs, Meta(ge=1, description="How long a connection may take to open.")] = 1_000
    max_connections: Annotated[
        int, Meta(ge=1, description="Calls that one process makes at once, each on a connection.")
    ] = 64


class LogSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What is logged and how. Variables: ``TASKYARD_LOG_*``."""

    level: Annotated[
        Literal["debug", "info", "warning", "error", "critical"],
        Meta(description="The least level that is logged."),
    ] = "info"
    format: Annotated[
        Literal["auto", "json", "human"],
        Meta(description="`auto` is `human` on a terminal and `json` elsewhere."),
    ] = "auto"


class ProcessSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the settings of every process have."""

    log: LogSettings = LogSettings()


class ServiceSettings(ProcessSettings, frozen=True, kw_only=True):
    """What the settings of every service that uses the store have."""

    redis: RedisSettings = RedisSettings()
