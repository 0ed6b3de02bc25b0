"""``taskyard-api``: the process that serves the HTTP API."""

from __future__ import annotations

from queueapi.app import create_api
from queueapi.server import serve
from queueapi.settings import PREFIX, ApiSettings
from queuecore.process import StopSignals, relax_garbage_collection, run_service


async def run(settings: ApiSettings) -> int:
    """Serve until SIGTERM or SIGINT; returns the exit code."""
    api = create_api(settings)
    relax_garbage_collection()
    return await serve(settings, api, StopSignals())


def main() -> None:
    """Entry point of the command."""
    run_service("api", ApiSettings, PREFIX, run)
