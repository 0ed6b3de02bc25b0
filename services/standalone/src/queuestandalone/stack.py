"""The processes of the stack: the embedded Valkey and one process of each service."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

import httpx

from queuecore.embedded import EmbeddedValkey, ServerNotStarted, find_free_port
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


class ServiceSpecs:
    """Specifies the processes of the services.

    Args:
        addresses: of all processes.
        data: holds the pid files.
        environ: the environment that the services inherit.
        http: sends the readiness probes.
    """

    def __init__(
        self, addresses: Addresses, data: DataDir, environ: Mapping[str, str], http: httpx.AsyncClient
    ) -> None:
        self._addresses = addresses
        self._data = data
        self._environ = {**environ, **addresses.variables()}
        self._http = http

    def api(self) -> ProcessSpec:
        """The process of the API."""
        return self._specify("api", self._addresses.api_url)

    def scheduler(self) -> ProcessSpec:
        """The process of the scheduler."""
        return self._specify("scheduler", self._addresses.scheduler_probe_url)

    def worker(self, number: int = 0) -> ProcessSpec:
        """The process of a worker; those after the first, number 0, listen on a free port."""
        if number == 0:
            return self._specify("worker", self._addresses.worker_probe_url)
        addresses = replace(self._addresses, worker_probe_port=find_free_port())
        return self._specify("worker", addresses.worker_probe_url, f"worker-{number}", addresses.variables())

    def _specify(
        self, service: str, url: str, name: str = "", variables: Mapping[str, str] | None = None
    ) -> ProcessSpec:
        return ProcessSpec(
            name=name or service,
            command=[sys.executable, "-m", f"queue{service}"],
            environ={**self._environ, **(variables or {})},
            pid_path=self._data.pid_path(name or service),
            check_readiness=_probe(self._http, f"{url}/ready"),
            fatal_error=_settings_error(service),
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
