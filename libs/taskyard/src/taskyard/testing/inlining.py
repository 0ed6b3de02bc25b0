"""Run what an app enqueues at once."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from queuecore.domain.state import TaskState
from taskyard.app import Taskyard
from taskyard.handler import HandlerKind
from taskyard.payloads.codec import encode_json
from taskyard.testing.execution import execute
from taskyard.testing.interception import intercepting
from taskyard.testing.memory_api import Kept
from taskyard.testing.recorded import RecordedTasks


@contextmanager
def inline(app: Taskyard[Any]) -> Iterator[RecordedTasks]:
    """Run what the app enqueues within the block, to its end and before the enqueue returns.

    Delays are left out, and a failed task is retried at once until no retry is left. ``handle.result()`` returns the
    result or raises :class:`~taskyard.TaskFailed`. Each attempt enters the lifespan of the app for itself.

    Args:
        app: the app.
    """

    async def run(kept: Kept) -> None:
        await _run_to_its_end(app, kept)

    with intercepting(app, run) as recorded:
        yield recorded


async def _run_to_its_end(app: Taskyard[Any], kept: Kept) -> None:
    task = app.tasks[kept.task.type]
    state = "retry"
    while state == "retry":
        kept.attempts += 1
        lifespan = app.lifespan.fresh()
        if task.handler.kind is not HandlerKind.PROCESS:
            await lifespan.enter()
        try:
            outcome = await execute(task, kept.request, kept.task, kept.attempts, lifespan)
        finally:
            await lifespan.exit()
        state = outcome.state
        kept.error, kept.reason = outcome.error, outcome.reason
    kept.state = TaskState(state)
    if state == TaskState.COMPLETED:
        kept.error = ""
        kept.result = encode_json(outcome.result)
