"""Many tasks in one request."""

from __future__ import annotations

from typing import Any

from litestar import Request, post
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from queueapi.http.body import BodyReader
from queueapi.http.headers import idempotency_key, trace_texts
from queueapi.http.response import json_response
from queueapi.schemas.responses import BatchCreated, BatchResult
from queueapi.submission.batch import BatchSubmitter
from queueapi.submission.idempotency import REPLAYED_HEADER


def batch_routes(bodies: BodyReader, submitter: BatchSubmitter) -> list[HTTPRouteHandler]:
    """The route of batches."""

    @post("/api/v1/tasks/batch")
    async def create_batch(request: Request[Any, Any, Any]) -> ASGIApp:
        body = await bodies.read(request.scope, request.receive)
        headers = request.scope["headers"]
        key = idempotency_key(headers)
        results = await submitter.submit(body, key, trace_texts(headers))
        created = sum(result.status_code == 201 for result in results)
        replayed = {REPLAYED_HEADER: "true"} if key is not None and _all_replayed(results) else None
        return json_response(BatchCreated(created, len(results) - created, results), 200, replayed)

    return [create_batch]


def _all_replayed(results: list[BatchResult]) -> bool:
    created = [result for result in results if result.status_code == 201]
    return bool(created) and all(result.replayed is True for result in created)
