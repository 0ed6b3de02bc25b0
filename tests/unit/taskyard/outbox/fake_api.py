"""An API for relays: accepts batches, and remembers tasks by id and idempotency keys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import msgspec

from taskyard.client.core.call import Answer, Call, Failure

Refuse = Callable[[dict[str, Any]], tuple[int, str] | None]
"""The status and code with which a task is refused."""


class FakeApi:
    def __init__(self) -> None:
        self.calls: list[Call] = []
        self.tasks: Counter[str] = Counter()
        self.keys: dict[str, str] = {}
        self.refuse: Refuse = lambda _: None
        self.refuse_call: Refuse = lambda _: None
        self.failures: list[Failure | Answer] = []
        self.loses_answers = False

    def send(self, call: Call, timeout_s: float) -> Answer | Failure:
        assert timeout_s > 0
        self.calls.append(call)
        if self.failures:
            return self.failures.pop(0)
        assert call.path == "/api/v1/tasks/batch"
        tasks = msgspec.json.decode(call.body or b"")["tasks"]
        for task in tasks:
            if refused := self.refuse_call(task):
                return Answer(refused[0], {}, msgspec.json.encode({"error": "refused", "code": refused[1]}))
        results = [self._enqueue(task) for task in tasks]
        if self.loses_answers:
            return Failure("the connection was closed", sent=True)
        return Answer(200, {}, msgspec.json.encode({"results": results}))

    def close(self) -> None:
        pass

    def _enqueue(self, task: dict[str, Any]) -> dict[str, Any]:
        if refused := self.refuse(task):
            return {"status_code": refused[0], "error": "refused", "code": refused[1]}
        key, task_id = task["idempotency_key"], task["task_id"]
        if key not in self.keys:
            if task_id in self.tasks:
                details = {"task_id": task_id}
                return {"status_code": 409, "error": "exists", "code": "DUPLICATE_TASK", "details": details}
            self.keys[key] = task_id
            self.tasks[task_id] += 1
        return {"status_code": 201, "task_id": task_id, "queue": "default", "status": "pending"}
