"""Add tasks to the outbox, within the caller's transaction."""

from __future__ import annotations

import time
from uuid import uuid4

from sqlalchemy import Connection, Insert, insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncSession
from sqlalchemy.orm import Session

from taskyard.client.trace_context import trace_headers
from taskyard.outbox.clock import NowMs
from taskyard.outbox.table import WAITING, table
from taskyard.payloads.codec import encode_json
from taskyard.request import Request


def add(connection: Connection | Session, request: Request[object]) -> str:
    """Add a task to the outbox. It is enqueued if and only if the transaction of the connection commits.

    A ``delay`` counts from now.

    Args:
        connection: a connection or a session, in the transaction that decides; not one in autocommit mode.
        request: the task, as made by ``task.request(...)``.

    Returns:
        The id that the task will have: the ``task_id`` of the request, or a new one.

    Raises:
        SQLAlchemyError: the row cannot be inserted, as without the table.
    """
    task_id, statement = _insertion(request)
    connection.execute(statement)
    return task_id


async def add_async(connection: AsyncConnection | AsyncSession, request: Request[object]) -> str:
    """As :func:`add`, for connections and sessions of ``sqlalchemy.ext.asyncio``."""
    task_id, statement = _insertion(request)
    await connection.execute(statement)
    return task_id


def _insertion(request: Request[object]) -> tuple[str, Insert]:
    key = str(uuid4())
    task_id: str = request.options.get("task_id", key)
    # With its id in the body, the task exists once even after the idempotency key has expired.
    identified = Request(request.type, request.payload, {**request.options, "task_id": task_id}, request.decode_result)
    statement = insert(table).values(
        key=key,
        task_id=task_id,
        type=request.type,
        queue=request.queue,
        body=identified.body(int(time.time() * 1000)).decode(),
        trace=encode_json(trace_headers()).decode(),
        state=WAITING,
        attempts=0,
        due_at=NowMs(),
        created_at=NowMs(),
    )
    return task_id, statement
