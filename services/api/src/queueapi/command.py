"""``taskyard-api``: the process that serves the HTTP API."""

from __future__ import annotations

from queueapi.app import create_api
from queueapi.server import serve
from queueapi.settings import PREFIX, ApiSettings
from queuecore.errors import ConfigError
from queuecore.process import StopSignals, relax_garbage_collection, run_service


async def run(settings: ApiSettings) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code.

    Raises:
        ConfigError: the store cannot provide the durability of the settings.
    """
    api = create_api(settings)
    if problem := await api.readiness.find_durability_problem():
        raise ConfigError(f"TASKYARD_API_DURABILITY: {problem}")
    relax_garbage_collection()
    return await serve(settings, api, StopSignals())


def main() -> None:
    """Entry point of the command."""
    run_service("api", ApiSettings, PREFIX, run)
