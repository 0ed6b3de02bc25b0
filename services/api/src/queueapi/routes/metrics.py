"""The scrape of Prometheus."""

from __future__ import annotations

from litestar import get
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4

from queueapi.exposition import Exposition
from queueapi.json_answer import Answer


def metrics_routes(exposition: Exposition) -> list[HTTPRouteHandler]:
    """The route of metrics."""

    @get("/metrics")
    async def metrics() -> ASGIApp:
        return Answer(await exposition.render(), media_type=CONTENT_TYPE_PLAIN_0_0_4.encode())

    return [metrics]
