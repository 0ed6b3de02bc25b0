"""Batches: many tasks in one request."""

from __future__ import annotations

from typing import Any

from litestar import Request, post
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from queueapi.http.body import BodyReader
from queueapi.http.headers import idempotency_key, trace_texts
from queueapi.submission.pipeline import SubmissionPipeline


def batch_routes(bodies: BodyReader, submissions: SubmissionPipeline) -> list[HTTPRouteHandler]:
    """The route of batches."""

    @post("/api/v1/tasks/batch")
    async def create_batch(request: Request[Any, Any, Any]) -> ASGIApp:
        body = await bodies.read(request.scope, request.receive)
        headers = request.scope["headers"]
        return await submissions.submit_batch(body, idempotency_key(headers), trace_texts(headers))

    return [create_batch]
