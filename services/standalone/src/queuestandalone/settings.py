"""The settings of ``make run``. All other variables go to the services as they are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from queuecore.settings.loader import describe, load
from queuecore.settings.shared import LogSettings

PREFIX = "TASKYARD_"

_Port = Annotated[int, Meta(ge=1, le=65_535)]


class StandaloneSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Where everything listens and lies."""

    api_host: Annotated[str, Meta(description="Address that the api listens on.")] = "127.0.0.1"
    api_port: Annotated[_Port, Meta(description="Port that the api listens on.")] = 8080
    scheduler_probe_port: Annotated[
        _Port | None, Meta(description="Port of the scheduler's probes; a free one if left out.")
    ] = None
    worker_probe_port: Annotated[
        _Port | None, Meta(description="Port of the worker's probes; a free one if left out.")
    ] = None
    data_dir: Annotated[Path, Meta(description="Folder of the embedded Valkey's data and of the pid files.")] = Path(
        ".taskyard"
    )
    redis_url: Annotated[
        str | None, Meta(description="The server to use; if left out, a Valkey is started, on loopback only.")
    ] = None
    log: LogSettings


def read_settings(environ: Mapping[str, str]) -> StandaloneSettings:
    """Read the settings.

    Raises:
        ConfigError: a variable has a value that it does not take.
    """
    # Less what is meant for the services: each checks its own variables at its start.
    known = {row.name for row in describe(StandaloneSettings, PREFIX)}
    return load(StandaloneSettings, {name: environ[name] for name in known & environ.keys()}, PREFIX)
