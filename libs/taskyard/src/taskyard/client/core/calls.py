"""The calls of the API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from urllib.parse import quote, urlencode

from taskyard.client.core.call import Call
from taskyard.request import Request

TASKS = "/api/v1/tasks"


def enqueue_call(request: Request[object], body: bytes, key: str, headers: Mapping[str, str]) -> Call:
    """Enqueue one task. The key makes it repeatable.

    Args:
        request: the task.
        body: the body of the request.
        key: an idempotency key.
        headers: further headers, such as a trace context.
    """
    return Call(
        method="POST",
        path=TASKS,
        operation=f"enqueue {request.type}",
        body=body,
        headers={"Idempotency-Key": key, **headers},
        repeatable=True,
        requests=(request,),
    )


def batch_call(requests: Sequence[Request[object]], bodies: Sequence[bytes], headers: Mapping[str, str]) -> Call:
    """Enqueue many tasks, each of which has its own idempotency key in its body."""
    return Call(
        method="POST",
        path=f"{TASKS}/batch",
        operation=f"enqueue {len(bodies)} tasks",
        body=b'{"tasks":[%b]}' % b",".join(bodies),
        headers=headers,
        repeatable=True,
        requests=tuple(requests),
    )


def get_call(task_id: str, queue: str | None) -> Call:
    """Read a task."""
    return Call(method="GET", path=_task_path(task_id, "", queue), operation=f"get task {task_id}", repeatable=True)


def wait_call(task_id: str, queue: str | None) -> Call:
    """Read a task whose end the caller waits for."""
    return Call(
        method="GET",
        path=_task_path(task_id, "", queue),
        operation=f"wait for task {task_id}",
        repeatable=True,
        awaits_end=True,
    )


def cancel_call(task_id: str, queue: str | None) -> Call:
    """Cancel a task. A repeat would be refused with 409 after a first call whose answer was lost."""
    return Call(
        method="POST",
        path=_task_path(task_id, "/cancel", queue),
        operation=f"cancel task {task_id}",
        repeatable=False,
    )


def run_call(task_id: str, queue: str | None) -> Call:
    """Make a task pending. A repeat could run it twice."""
    return Call(
        method="POST", path=_task_path(task_id, "/run", queue), operation=f"run task {task_id}", repeatable=False
    )


def delete_call(task_id: str, queue: str | None) -> Call:
    """Delete a task. A repeat would be refused with 404 after a first call whose answer was lost."""
    return Call(
        method="DELETE", path=_task_path(task_id, "", queue), operation=f"delete task {task_id}", repeatable=False
    )


def list_call(filters: Mapping[str, str], cursor: str | None) -> Call:
    """Read one page of a list of tasks."""
    query = {**filters, **({"cursor": cursor} if cursor else {})}
    return Call(
        method="GET",
        path=TASKS + (f"?{urlencode(query)}" if query else ""),
        operation="list tasks",
        repeatable=True,
    )


def stats_call(queue: str | None) -> Call:
    """Read the number of tasks per queue and state."""
    query = f"?{urlencode({'queue': queue})}" if queue else ""
    return Call(method="GET", path=f"/api/v1/queues/stats{query}", operation="get queue stats", repeatable=True)


def _task_path(task_id: str, suffix: str, queue: str | None) -> str:
    query = f"?{urlencode({'queue': queue})}" if queue else ""
    return f"{TASKS}/{quote(task_id, safe='')}{suffix}{query}"
