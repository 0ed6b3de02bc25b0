"""The scrape of Prometheus."""

from __future__ import annotations

import asyncio

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, Scope

from queueapi.http.headers import find_header
from queueapi.http.response import JsonResponse
from queueapi.routes.metrics_collector import MetricsCollector
from queueapi.schemas.operation import Operation, Response
from queuecore.observe.metrics.text import write_metrics

METRICS_OPERATIONS = (
    Operation(
        path="/metrics",
        method="get",
        tag="metrics",
        id="getMetrics",
        summary="Metrics for Prometheus",
        responses={200: Response(str, "Metrics for Prometheus", "text/plain")},
    ),
)


def metrics_routes(exposition: MetricsCollector) -> list[HTTPRouteHandler]:
    """The route of metrics."""

    @get("/metrics")
    async def metrics(scope: Scope) -> ASGIApp:
        accept, encoding = (find_header(scope["headers"], name) or "" for name in (b"accept", b"accept-encoding"))
        # A thousand queues take a good part of a second to write: other requests go on meanwhile.
        body, headers = await asyncio.to_thread(write_metrics, await exposition.read(), accept, encoding)
        media_type = headers.pop("Content-Type")
        return JsonResponse(body, headers=headers, media_type=media_type.encode())

    return [metrics]
