"""An API in memory: accepts and keeps tasks as the real one does, for the clients of an app under test."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from queuecore.domain.identity import unique_digest
from queuecore.domain.state import TaskState
from queuecore.domain.task import Task as StoredTask
from queuecore.domain.timestamp import format_rfc3339
from taskyard.client.core.call import Answer, Call
from taskyard.client.core.calls import TASKS
from taskyard.errors import ResultTimeout
from taskyard.options import normalize
from taskyard.request import Request
from taskyard.testing.recorded import RecordedTask, RecordedTasks
from taskyard.testing.stored_task import store


@dataclass
class Kept:
    """A task and its state."""

    request: Request[object]
    task: StoredTask
    state: TaskState
    lock: tuple[str, str] | None
    attempts: int = 0
    reason: str | None = None
    error: str = ""
    result: bytes = b"null"


class MemoryApi:
    """Answers calls from memory. It accepts all task types; the clients have validated the payloads."""

    def __init__(self) -> None:
        self.recorded = RecordedTasks()
        self._kept: dict[str, Kept] = {}

    def answer(self, call: Call) -> tuple[Answer, list[Kept]]:
        """Answer a call.

        Returns:
            The answer, and the tasks that the call has enqueued.

        Raises:
            ResultTimeout: the caller waits for a task that does not run.
        """
        if not call.requests:
            return self._answer_other(call), []
        results = [self._enqueue(request) for request in call.requests]
        accepted = [kept for _, _, kept in results if kept is not None]
        if not call.path.endswith("/batch"):
            status, body, _ = results[0]
            return _respond(status, body), accepted
        items = [{"status_code": status, **body} for status, body, _ in results]
        created = len(accepted)
        return _respond(200, {"created": created, "failed": len(items) - created, "results": items}), accepted

    def _enqueue(self, request: Request[object]) -> tuple[int, dict[str, Any], Kept | None]:
        task = store(request)
        lock = _lock(request)
        for other in self._kept.values():
            holder = other.task.id
            if holder == task.id and other.task.queue == task.queue:
                return 409, _error(f"a task with this id exists: {holder}", "DUPLICATE_TASK", task_id=holder), None
            if lock is not None and other.lock == lock and not other.state.is_final:
                message = f"an equal task holds the unique lock: {holder}"
                return 409, _error(message, "DUPLICATE_TASK", task_id=holder), None
        is_due = task.process_at_ms is None or task.process_at_ms <= task.enqueued_at_ms
        kept = Kept(request, task, TaskState.PENDING if is_due else TaskState.SCHEDULED, lock)
        self._kept[task.id] = kept
        self.recorded.add(_record(request, task))
        return 201, {"task_id": task.id, "queue": task.queue, "status": kept.state.value}, kept

    def _answer_other(self, call: Call) -> Answer:
        path = urlsplit(call.path).path
        if path == "/api/v1/queues/stats":
            return _respond(200, self._stats())
        if path == TASKS:
            views = [_view(kept) for kept in self._kept.values()]
            return _respond(200, {"tasks": views, "next_cursor": None, "scanned": len(views)})
        task_id, _, action = path.removeprefix(f"{TASKS}/").partition("/")
        kept = self._kept.get(unquote(task_id))
        if kept is None:
            return _respond(404, _error(f"there is no task {unquote(task_id)}", "TASK_NOT_FOUND"))
        if call.awaits_end and not kept.state.is_final:
            raise ResultTimeout(
                f"task {kept.task.id} of type {kept.task.type} is recorded and does not run, so it never ends; "
                "taskyard.testing.inline(app) runs what is enqueued"
            )
        return self._act(call.method, action, kept)

    def _act(self, method: str, action: str, kept: Kept) -> Answer:
        match method, action:
            case "GET", "":
                return _respond(200, _view(kept))
            case "DELETE", "":
                del self._kept[kept.task.id]
                return _respond(200, {"message": "task deleted"})
            case "POST", "cancel" if not kept.state.is_final:
                kept.state, kept.reason, kept.error = TaskState.ARCHIVED, "cancelled", "the task was cancelled"
                return _respond(200, {"message": "task cancelled"})
            case "POST", "cancel":
                return _respond(409, _error("the task has ended", "TASK_NOT_CANCELLABLE"))
            case "POST", "run":
                kept.state = TaskState.PENDING
                return _respond(200, {"message": "task is pending"})
        return _respond(405, _error("there is no such operation", "METHOD_NOT_ALLOWED"))

    def _stats(self) -> list[dict[str, Any]]:
        queues: dict[str, dict[str, Any]] = {}
        for kept in self._kept.values():
            counts = queues.setdefault(
                kept.task.queue, {"queue": kept.task.queue, **{state.value: 0 for state in TaskState}}
            )
            counts[kept.state.value] += 1
        return list(queues.values())


def _respond(status: int, body: object) -> Answer:
    return Answer(status, {"content-type": "application/json"}, msgspec.json.encode(body))


def _error(message: str, code: str, **details: object) -> dict[str, Any]:
    return {"error": message, "code": code, "details": details}


def _lock(request: Request[object]) -> tuple[str, str] | None:
    options = request.options
    if "unique" not in options:
        return None
    canonical = msgspec.json.encode(msgspec.json.decode(request.payload), order="sorted")
    return request.queue, unique_digest(request.type, canonical, options.get("unique_key"))


def _record(request: Request[object], task: StoredTask) -> RecordedTask:
    return RecordedTask(
        id=task.id,
        type=task.type,
        queue=task.queue,
        payload=msgspec.json.decode(task.payload),
        options=normalize(request.options),
    )


def _view(kept: Kept) -> dict[str, Any]:
    task = kept.task
    return {
        "id": task.id,
        "queue": task.queue,
        "type": task.type,
        "state": kept.state.value,
        "max_retry": task.max_retries,
        "retried": max(0, kept.attempts - 1),
        "last_err": kept.error,
        "payload": msgspec.Raw(task.payload),
        "priority": task.priority,
        "metadata": dict(task.metadata),
        "attempt": kept.attempts,
        "result": msgspec.Raw(kept.result),
        "reason": kept.reason,
        "created_at": format_rfc3339(task.enqueued_at_ms),
        "ended_at": datetime.now(UTC).isoformat() if kept.state.is_final else None,
    }
