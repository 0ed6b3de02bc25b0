"""Many tasks in one request."""

from __future__ import annotations

from typing import Any

from litestar import Request, post
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from queueapi.batch_submission import BatchSubmitter
from queueapi.body import BodyReader
from queueapi.idempotency import REPLAYED_HEADER
from queueapi.json_answer import json_answer
from queueapi.request_headers import idempotency_key, trace_texts
from queueapi.responses import BatchCreated, BatchResult


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
        return json_answer(BatchCreated(created, len(results) - created, results), 200, replayed)

    return [create_batch]


def _all_replayed(results: list[BatchResult]) -> bool:
    created = [result for result in results if result.status_code == 201]
    return bool(created) and all(result.replayed is True for result in created)
