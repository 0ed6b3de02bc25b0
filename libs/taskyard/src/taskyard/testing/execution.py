"""Run one attempt of a task as a worker does: the payload and the result go by way of JSON."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, TypeVar, cast

from queuecore.domain.task import Task as StoredTask
from taskyard.app import Taskyard
from taskyard.errors import InvalidPayload
from taskyard.handler import Handler, HandlerKind
from taskyard.lifespan import Lifespan
from taskyard.payloads.codec import describe, encode_json
from taskyard.payloads.outcome import encode_result, format_error
from taskyard.request import Request
from taskyard.retry_decision import RetryDecision, decide_after_error, retry_or_archive
from taskyard.task import Task
from taskyard.testing.context import RecordingContext
from taskyard.testing.event_loop import run_to_end
from taskyard.testing.interception import collecting
from taskyard.testing.outcome import Outcome
from taskyard.testing.stored_task import store

T = TypeVar("T")
R = TypeVar("R")

TIMED_OUT = "the attempt took longer than its timeout"
_UNSET: Any = object()


def run(
    task: Task[..., T, R, Any],
    payload: T | Mapping[str, Any],
    /,
    *,
    attempt: int = 1,
    state: Any = _UNSET,
    task_id: str | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Outcome[R]:
    """Run one attempt of a task, here and now.

    An async handler runs in an event loop of its own, also if the caller's is running; a plain one in this thread.

    Args:
        task: the task.
        payload: its payload, or the JSON object that another service might post.
        attempt: the number of the attempt, 1 for the first.
        state: value of ``context.state``; without it, the lifespan of the app is entered for this run.
        task_id: the task's id; a new one if not given.
        metadata: the task's metadata.

    Raises:
        InvalidPayload: the payload has no JSON form, or none that is an object.
    """
    return run_to_end(run_async(task, payload, attempt=attempt, state=state, task_id=task_id, metadata=metadata))


async def run_async(
    task: Task[..., T, R, Any],
    payload: T | Mapping[str, Any],
    /,
    *,
    attempt: int = 1,
    state: Any = _UNSET,
    task_id: str | None = None,
    metadata: Mapping[str, str] | None = None,
) -> Outcome[R]:
    """Run one attempt of a task in the running event loop; arguments and errors as of :func:`run`."""
    options = {**task.options, "metadata": metadata} if metadata is not None else dict(task.options)
    if task_id is not None:
        options["task_id"] = task_id
    request = Request(task.type, _encode(task, payload), options, task.handler.result.decode)
    lifespan = task.handler.lifespan.fresh() if state is _UNSET else Lifespan.of(state)
    if state is not _UNSET or task.handler.kind is HandlerKind.PROCESS:
        # In the process of a handler, nobody enters the lifespan.
        return await execute(task, request, store(request), attempt, lifespan)
    await lifespan.enter()
    try:
        return await execute(task, request, store(request), attempt, lifespan)
    finally:
        await lifespan.exit()


async def execute(
    task: Task[..., Any, R, Any], request: Request[R], stored: StoredTask, attempt: int, lifespan: Lifespan[Any]
) -> Outcome[R]:
    """Run one attempt of a stored task.

    Args:
        task: the task.
        request: as enqueued.
        stored: as the API stores it.
        attempt: the number of the attempt, 1 for the first.
        lifespan: has been entered.
    """
    handler = task.handler
    started_at_ms = time.time_ns() // 1_000_000
    context = RecordingContext(stored, attempt, started_at_ms + stored.timeout_ms, lifespan)
    encoded, error = b"", None
    with collecting(cast("Taskyard[Any]", task.app)) as enqueued:
        try:
            value = await _call(handler, stored, context)
            encoded = encode_result(context.result if value is None else value)
        except (KeyboardInterrupt, SystemExit):
            raise
        except BaseException as raised:  # noqa: BLE001 - any exception of a handler fails its task
            error = raised
    seen: dict[str, Any] = {"progress": context.reports, "logs": context.lines, "enqueued": enqueued}
    if error is None:
        return Outcome(state="completed", result=request.decode_result(encoded) if encoded else None, **seen)
    decision = _decide(stored, attempt, error)
    archived = decision.retry_in_ms is None
    return Outcome(
        state="archived" if archived else "retry",
        error=TIMED_OUT if isinstance(error, _TimedOut) else format_error(error),
        exception=error,
        reason=None if decision.reason is None else decision.reason.value,
        retry_in=None if decision.retry_in_ms is None else timedelta(milliseconds=decision.retry_in_ms),
        **seen,
    )


class _TimedOut(Exception):
    """The attempt took longer than its timeout."""


async def _call(handler: Handler, stored: StoredTask, context: RecordingContext) -> object:
    payload = handler.decode(stored.payload)
    if handler.kind is not HandlerKind.ASYNC:
        return handler.call(payload, context)
    try:
        async with asyncio.timeout(stored.timeout_ms / 1000) as limit:
            return await handler.call(payload, context)
    except TimeoutError:
        if limit.expired():
            raise _TimedOut from None
        raise


def _decide(stored: StoredTask, attempt: int, error: BaseException) -> RetryDecision:
    ended_at_ms = time.time_ns() // 1_000_000
    if isinstance(error, _TimedOut):
        return retry_or_archive(stored, attempt, ended_at_ms, None, _middle)
    return decide_after_error(stored, attempt, ended_at_ms, error, _middle)


def _middle() -> float:
    """Random values without jitter."""
    return 0.5


def _encode(task: Task[..., Any, Any, Any], payload: object) -> bytes:
    try:
        encoded = encode_json(payload)
    except (TypeError, ValueError, RecursionError) as error:
        raise InvalidPayload(f"the payload of task {task.type!r} cannot be written as JSON: {error}") from error
    if encoded[:1] != b"{":
        raise InvalidPayload(f"task {task.type!r} takes a JSON object as its payload, got {describe(type(payload))}")
    return encoded
