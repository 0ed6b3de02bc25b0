"""Metrics endpoint for Prometheus."""

from __future__ import annotations

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp, Scope
from prometheus_client.exposition import gzip_accepted

from queueapi.http.headers import find_header
from queueapi.routes.metrics_collector import MetricsCollector
from queueapi.schemas.operation import Operation, Response
from queueapi.scrape.response import StreamedText
from queuecore.observe.metrics.text import TextFormat, describe_text

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
        text_format = TextFormat(accept)
        headers = describe_text(text_format, compressed=gzip_accepted(encoding))
        return StreamedText(await collector.collect(text_format), headers)

    return [metrics]
