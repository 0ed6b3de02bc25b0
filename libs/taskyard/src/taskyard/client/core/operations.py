"""Operations on tasks and queues: the steps from arguments to a value or an error."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar
from uuid import uuid4

import msgspec

from taskyard.client.core.answers import Created, TaskPage
from taskyard.client.core.call import Answer, Call, Steps
from taskyard.client.core.calls import cancel_call, delete_call, enqueue_call, get_call, list_call, run_call, stats_call
from taskyard.client.core.exchange import Environment, exchange
from taskyard.client.core.refusal import refusal
from taskyard.request import Request
from taskyard.views import QueueStats, TaskInfo

V = TypeVar("V")

_decode_created = msgspec.json.Decoder(Created)
_decode_task = msgspec.json.Decoder(TaskInfo)
_decode_page = msgspec.json.Decoder(TaskPage)
_decode_stats = msgspec.json.Decoder(list[QueueStats])


def new_key() -> str:
    """An idempotency key for one enqueue: all its repeats carry it."""
    return uuid4().hex


def enqueue(request: Request[object], headers: Mapping[str, str], env: Environment) -> Steps[Created]:
    """Enqueue one task, exactly once however often the call is repeated."""
    call = enqueue_call(request, request.body(_now_ms(env)), new_key(), headers)
    answer = yield from exchange(call, env)
    return _decode(_decode_created, call, answer, env)


def get(task_id: str, queue: str | None, env: Environment, timeout_s: float | None = None) -> Steps[TaskInfo]:
    """Read a task."""
    call = get_call(task_id, queue)
    return _decode(_decode_task, call, (yield from exchange(call, env, timeout_s)), env)


def cancel(task_id: str, queue: str | None, env: Environment) -> Steps[bool]:
    """Cancel a task; false if it is running, and its worker is asked to stop it."""
    answer = yield from exchange(cancel_call(task_id, queue), env)
    return answer.status != 202


def run(task_id: str, queue: str | None, env: Environment) -> Steps[None]:
    """Make a task pending."""
    yield from exchange(run_call(task_id, queue), env)


def delete(task_id: str, queue: str | None, env: Environment) -> Steps[None]:
    """Delete a task."""
    yield from exchange(delete_call(task_id, queue), env)


def page(filters: Mapping[str, str], cursor: str | None, env: Environment) -> Steps[TaskPage]:
    """Read one page of a list of tasks."""
    call = list_call(filters, cursor)
    return _decode(_decode_page, call, (yield from exchange(call, env)), env)


def stats(queue: str | None, env: Environment) -> Steps[list[QueueStats]]:
    """Read the number of tasks per queue and state."""
    call = stats_call(queue)
    return _decode(_decode_stats, call, (yield from exchange(call, env)), env)


def list_filters(
    *,
    queue: str | None,
    state: str | None,
    type: str | None,  # noqa: A002 - the word of the API
    metadata: Mapping[str, str] | None,
    page_size: int,
) -> dict[str, str]:
    """The query of a list of tasks."""
    filters = {"queue": queue, "state": state, "type": type, "limit": str(page_size)}
    filters |= {f"metadata.{name}": value for name, value in (metadata or {}).items()}
    return {name: value for name, value in filters.items() if value is not None}


def _decode(decoder: msgspec.json.Decoder[V], call: Call, answer: Answer, env: Environment) -> V:
    try:
        return decoder.decode(answer.body)
    except msgspec.DecodeError as error:
        raise refusal(env.url, call, Answer(answer.status, answer.headers, answer.body)) from error


def _now_ms(env: Environment) -> int:
    return int(env.now() * 1000)
