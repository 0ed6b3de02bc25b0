"""Builders of tasks for tests."""

from __future__ import annotations

import time
from typing import Any

from queuecore.domain.task import Task
from queuecore.store.tasks.task_id import new_task_id


def make_task(**changes: Any) -> Task:
    """A small valid task with ``changes`` to the fields of :class:`~queuecore.domain.task.Task`."""
    fields = {
        "id": new_task_id(),
        "queue": "default",
        "type": "demo",
        "payload": b'{"message":"hi","count":1}',
        "enqueued_at_ms": now_ms(),
    }
    return Task(**{**fields, **changes})


def now_ms() -> int:
    """This machine's clock, Unix ms; the store's server runs on the same machine."""
    return round(time.time() * 1000)
