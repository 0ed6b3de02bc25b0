"""The processes of the stack: the embedded Valkey and one process of each service."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping

import httpx

from queuecore.embedded import EmbeddedValkey, ServerNotStarted
from queuecore.errors import ConfigError, TaskyardError
from queuecore.settings.loader import EXIT_CODE as INVALID_SETTINGS
from queuestandalone.addresses import Addresses
from queuestandalone.data_dir import DataDir
from queuestandalone.process_spec import ProcessSpec


def specify_valkey(valkey: EmbeddedValkey, data: DataDir, environ: Mapping[str, str]) -> ProcessSpec:
    """The process of the embedded server."""

    async def check_readiness() -> str | None:
        return None if await asyncio.to_thread(valkey.answers) else "it does not answer"

    def fatal_error(_: int) -> TaskyardError:
        return ServerNotStarted(f"the embedded Valkey ended while starting, its log:\n{valkey.read_log_tail()}")

    return ProcessSpec(
        name="redis",
        command=valkey.prepare(),
        environ=environ,
        pid_path=data.pid_path("redis"),
        check_readiness=check_readiness,
        fatal_error=fatal_error,
    )


def specify_services(
    addresses: Addresses, data: DataDir, environ: Mapping[str, str], http: httpx.AsyncClient
) -> tuple[ProcessSpec, ProcessSpec, ProcessSpec]:
    """The processes of the API, the scheduler and the worker, in start order."""
    service_environ = {**environ, **addresses.variables()}

    def specify(name: str, url: str) -> ProcessSpec:
        return ProcessSpec(
            name=name,
            command=[sys.executable, "-m", f"queue{name}"],
            environ=service_environ,
            pid_path=data.pid_path(name),
            check_readiness=_probe(http, f"{url}/ready"),
            fatal_error=_settings_error(name),
        )

    return (
        specify("api", addresses.api_url),
        specify("scheduler", addresses.scheduler_probe_url),
        specify("worker", addresses.worker_probe_url),
    )


def _probe(http: httpx.AsyncClient, url: str) -> Callable[[], Awaitable[str | None]]:
    async def check_readiness() -> str | None:
        try:
            response = await http.get(url)
        except httpx.HTTPError as error:
            return f"{url} does not answer: {type(error).__name__} {error}".rstrip()
        return None if response.is_success else f"{url} answers {response.status_code}: {response.text}"

    return check_readiness


def _settings_error(service: str) -> Callable[[int], TaskyardError | None]:
    def fatal_error(exit_code: int) -> TaskyardError | None:
        if exit_code != INVALID_SETTINGS:
            return None
        return ConfigError(f"the {service} cannot use its settings, see above")

    return fatal_error
