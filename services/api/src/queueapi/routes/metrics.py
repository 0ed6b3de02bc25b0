"""Metrics endpoint for Prometheus."""

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


def metrics_routes(collector: MetricsCollector) -> list[HTTPRouteHandler]:
    """The route for metrics."""

    @get("/metrics")
    async def metrics(scope: Scope) -> ASGIApp:
        accept, encoding = (find_header(scope["headers"], name) or "" for name in (b"accept", b"accept-encoding"))
        # Writing the metrics of a thousand queues takes a large part of a second; a thread keeps the loop free.
        body, headers = await asyncio.to_thread(write_metrics, await collector.collect(), accept, encoding)
        media_type = headers.pop("Content-Type")
        return JsonResponse(body, headers=headers, media_type=media_type.encode())

    return [metrics]
