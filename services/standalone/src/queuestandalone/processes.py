"""What runs: the embedded Valkey and one process of each service."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping

import httpx

from queuecore.embedded import EmbeddedValkey, ServerNotStarted
from queuecore.errors import ConfigError, TaskyardError
from queuecore.settings.loader import EXIT_CODE as WRONG_SETTINGS
from queuestandalone.data_dir import DataDir
from queuestandalone.place import Place
from queuestandalone.program import Program


def plan_valkey(valkey: EmbeddedValkey, data: DataDir, environ: Mapping[str, str]) -> Program:
    """How the embedded server runs."""

    async def find_problem() -> str | None:
        return None if await asyncio.to_thread(valkey.answers) else "it does not answer"

    def despair(_: int) -> TaskyardError:
        return ServerNotStarted(f"the embedded Valkey ended while starting, its log:\n{valkey.read_log_tail()}")

    return Program(
        name="redis",
        command=valkey.prepare(),
        environ=environ,
        pid_path=data.pid_path("redis"),
        find_problem=find_problem,
        despair=despair,
    )


def plan_services(
    place: Place, data: DataDir, environ: Mapping[str, str], http: httpx.AsyncClient
) -> tuple[Program, Program, Program]:
    """How the api, the scheduler and the worker run, in this order."""
    service_environ = {**environ, **place.variables()}

    def plan(name: str, url: str) -> Program:
        return Program(
            name=name,
            command=[sys.executable, "-m", f"queue{name}"],
            environ=service_environ,
            pid_path=data.pid_path(name),
            find_problem=_ask(http, f"{url}/ready"),
            despair=_despair_of(name),
        )

    return (
        plan("api", place.api_url),
        plan("scheduler", place.scheduler_probe_url),
        plan("worker", place.worker_probe_url),
    )


def _ask(http: httpx.AsyncClient, url: str) -> Callable[[], Awaitable[str | None]]:
    async def find_problem() -> str | None:
        try:
            answer = await http.get(url)
        except httpx.HTTPError as error:
            return f"{url} does not answer: {type(error).__name__} {error}".rstrip()
        return None if answer.is_success else f"{url} answers {answer.status_code}: {answer.text}"

    return find_problem


def _despair_of(service: str) -> Callable[[int], TaskyardError | None]:
    def despair(exit_code: int) -> TaskyardError | None:
        return ConfigError(f"the {service} cannot use its settings, see above") if exit_code == WRONG_SETTINGS else None

    return despair
