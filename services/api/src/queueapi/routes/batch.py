"""Batches: many tasks in one request."""

from __future__ import annotations

from typing import Any

from litestar import Request, post
from litestar.handlers import HTTPRouteHandler
from litestar.types import ASGIApp

from queueapi.http.body import BodyReader
from queueapi.http.headers import idempotency_key, trace_texts
from queueapi.schemas.operation import BODY_ERRORS, SERVER_ERRORS, Operation, Response
from queueapi.schemas.requests import CreateBatch
from queueapi.schemas.responses import BatchCreated
from queueapi.submission.pipeline import SubmissionPipeline

BATCH_OPERATIONS = (
    Operation(
        path="/api/v1/tasks/batch",
        method="post",
        tag="tasks",
        id="createBatch",
        summary="Create many tasks, each on its own",
        parameters=("IdempotencyKey", "Traceparent"),
        body=CreateBatch,
        responses={200: Response(BatchCreated, "One result per task.")},
        errors={400: ("INVALID_REQUEST",), 422: ("IDEMPOTENCY_MISMATCH",), **SERVER_ERRORS, **BODY_ERRORS},
        replayable=True,
    ),
)


def batch_routes(bodies: BodyReader, submissions: SubmissionPipeline) -> list[HTTPRouteHandler]:
    """The route for batches."""

    @post("/api/v1/tasks/batch")
    async def create_batch(request: Request[Any, Any, Any]) -> ASGIApp:
        body = await bodies.read(request.scope, request.receive)
        headers = request.scope["headers"]
        try:
            return await submissions.submit_batch(body, idempotency_key(headers), trace_texts(headers))
        finally:
            bodies.release(body)

    return [create_batch]
