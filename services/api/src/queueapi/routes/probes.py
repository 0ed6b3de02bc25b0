"""Health probes for kubelets and load balancers."""

from __future__ import annotations

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from queueapi.http.response import JsonResponse, encode, json_response
from queueapi.routes.readiness import ReadinessCheck
from queueapi.schemas.operation import Operation, Response
from queueapi.schemas.responses import NotReady, Status

_OK = encode(Status())

PROBE_OPERATIONS = (
    Operation(
        path="/health",
        method="get",
        tag="health",
        id="getHealth",
        summary="General health",
        responses={200: Response(Status, "Healthy.")},
    ),
    Operation(
        path="/live",
        method="get",
        tag="health",
        id="getLive",
        summary="Liveness",
        responses={200: Response(Status, "Alive.")},
    ),
    Operation(
        path="/ready",
        method="get",
        tag="health",
        id="getReady",
        summary="Readiness: the task store is usable",
        responses={200: Response(Status, "Ready."), 503: Response(NotReady, "Not ready.")},
    ),
    Operation(
        path="/ready/local",
        method="get",
        tag="health",
        id="getReadyLocal",
        summary="Whether this replica takes requests, whatever the state of the task store",
        responses={200: Response(Status, "Ready."), 503: Response(NotReady, "Draining.")},
    ),
)


def probe_routes(readiness: ReadinessCheck) -> list[HTTPRouteHandler]:
    """The routes for probes."""

    @get(["/health", "/live"])
    async def alive() -> ASGIApp:
        return JsonResponse(_OK)

    @get("/ready")
    async def ready() -> ASGIApp:
        return _readiness(await readiness.find_problem())

    @get("/ready/local")
    async def ready_local() -> ASGIApp:
        return _readiness(readiness.find_local_problem())

    return [alive, ready, ready_local]


def _readiness(problem: str | None) -> JsonResponse:
    return JsonResponse(_OK) if problem is None else json_response(NotReady(problem), 503)
