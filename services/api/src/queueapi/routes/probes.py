"""Probes of kubelets and load balancers."""

from __future__ import annotations

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from queueapi.json_answer import Answer, encode, json_answer
from queueapi.readiness import ReadinessCheck
from queueapi.responses import NotReady, Status

_OK = encode(Status())


def probe_routes(readiness: ReadinessCheck) -> list[HTTPRouteHandler]:
    """The routes of probes."""

    @get(["/health", "/live"])
    async def alive() -> ASGIApp:
        return Answer(_OK)

    @get("/ready")
    async def ready() -> ASGIApp:
        problem = await readiness.find_problem()
        return Answer(_OK) if problem is None else json_answer(NotReady(problem), 503)

    return [alive, ready]
