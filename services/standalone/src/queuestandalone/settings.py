"""Settings of ``make run``. The services receive all other variables unchanged."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from queuecore.domain.durability import MEMORY
from queuecore.settings.loader import describe, load
from queuecore.settings.shared import LogSettings
from queuecore.settings.variable import DurabilityLevel

PREFIX = "TASKYARD_"

_Port = Annotated[int, Meta(ge=1, le=65_535)]


class StandaloneSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Addresses, data folder and store."""

    api_host: Annotated[str, Meta(description="Address the API listens on.")] = "127.0.0.1"
    api_port: Annotated[_Port, Meta(description="Port the API listens on.")] = 8080
    scheduler_probe_port: Annotated[
        _Port | None, Meta(description="Port of the scheduler's probes; a free port if unset.")
    ] = None
    worker_probe_port: Annotated[
        _Port | None, Meta(description="Port of the worker's probes; a free port if unset.")
    ] = None
    data_dir: Annotated[Path, Meta(description="Folder of the embedded Valkey's data and of the pid files.")] = Path(
        ".taskyard"
    )
    redis_url: Annotated[
        str | None,
        Meta(description="Redis or Valkey server to use; if unset, an embedded Valkey is started on loopback."),
    ] = None
    api_durability: Annotated[
        DurabilityLevel,
        Meta(description="Durability of tasks; with `fsync` the embedded Valkey syncs each write."),
    ] = MEMORY
    log: LogSettings


def read_settings(environ: Mapping[str, str]) -> StandaloneSettings:
    """Read the settings.

    Raises:
        ConfigError: a variable has an invalid value.
    """
    # Variables of the services are left out: each service validates its own at startup.
    known = {row.name for row in describe(StandaloneSettings, PREFIX)}
    return load(StandaloneSettings, {name: environ[name] for name in known & environ.keys()}, PREFIX)
