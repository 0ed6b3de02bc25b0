"""Probes of kubelets and load balancers."""

from __future__ import annotations

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from queueapi.http.response import JsonResponse, encode, json_response
from queueapi.routes.readiness import ReadinessCheck
from queueapi.schemas.responses import NotReady, Status

_OK = encode(Status())


def probe_routes(readiness: ReadinessCheck) -> list[HTTPRouteHandler]:
    """The routes of probes."""

    @get(["/health", "/live"])
    async def alive() -> ASGIApp:
        return JsonResponse(_OK)

    @get("/ready")
    async def ready() -> ASGIApp:
        problem = await readiness.find_problem()
        return JsonResponse(_OK) if problem is None else json_response(NotReady(problem), 503)

    return [alive, ready]
