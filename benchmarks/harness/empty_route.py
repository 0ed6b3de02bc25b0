"""Yardstick of HTTP: empty Litestar routes on the server of the API, with its settings."""

from __future__ import annotations

from litestar import Litestar, get, post
from prometheus_client import CollectorRegistry

from queueapi.app import Api
from queueapi.routes.readiness import ReadinessCheck
from queueapi.server import serve
from queueapi.settings import PREFIX, ApiSettings
from queuecore.process import StopSignals, run_service
from queuecore.store.client.connect import connect


@post("/api/v1/tasks")
async def create() -> None:
    """Nothing."""


@get("/live")
async def live() -> None:
    """Nothing."""


async def run(settings: ApiSettings) -> int:
    """Serve until SIGTERM or SIGINT."""
    app = Litestar([create, live], openapi_config=None, logging_config=None)
    readiness = ReadinessCheck(connect(settings.redis), CollectorRegistry())
    return await serve(settings, Api(app, readiness), StopSignals())


if __name__ == "__main__":
    run_service("empty", ApiSettings, PREFIX, run)
