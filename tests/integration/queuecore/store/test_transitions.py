"""Every pair of state and event: the store makes the transitions of the table and refuses all others."""

from __future__ import annotations

import pytest

from queuecore.domain.state import TRANSITIONS, Event, TaskState
from queuecore.domain.task import ArchiveReason, AttemptNumber, FencingToken, Task, UniqueLock
from queuecore.errors import TaskActive, TaskNotCancellable, TaskNotFound
from queuecore.store.attempts.leases import Lease
from queuecore.store.attempts.settlement import Failure, Success
from queuecore.store.scripts.replies import Reply
from queuecore.store.tasks.enqueue import Duplicate, Enqueue
from queuecore.testing.builders import make_task, now_ms
from queuecore.testing.store import TestStore

HOUR_MS = 3_600_000
REFUSALS = (TaskActive, TaskNotCancellable, TaskNotFound)
STATES: list[TaskState | None] = [None, *TaskState]


@pytest.mark.parametrize("event", list(Event))
@pytest.mark.parametrize("state", STATES)
async def test_event_moves_task_as_in_the_transition_table(
    store: TestStore, state: TaskState | None, event: Event
) -> None:
    case = Case(store)
    await case.bring_to(state)
    allowed = (state, event) in TRANSITIONS
    assert await case.happens(event) is allowed
    assert await store.state(case.task) is (TRANSITIONS[state, event] if allowed else state)


class Case:
    """One task, which can be brought to any state and sent any event."""

    def __init__(self, store: TestStore) -> None:
        self.store = store
        self.worker = store.worker()
        self.task = make_task(process_at_ms=now_ms() + HOUR_MS, unique=UniqueLock("digest", HOUR_MS))
        self.lease = Lease(self.task, FencingToken(1), AttemptNumber(1), now_ms(), now_ms())

    async def bring_to(self, state: TaskState | None) -> None:
        """Bring the task to a state by way of an expired lease, which makes a late success possible in most states."""
        if state is None:
            return
        await self.store.enqueue(self.task)
        if state is TaskState.SCHEDULED:
            return
        await self.store.control.run_now("default", self.task.id)
        self.lease = await self.worker.lease_one(self.task)
        match state:
            case TaskState.COMPLETED:
                await self.worker.settlements.complete([Success(self.lease, 1)])
            case TaskState.ARCHIVED:
                failure = Failure(self.lease, 1, "lost", reason=ArchiveReason.RETRIES_EXHAUSTED)
                await self.worker.settlements.fail([failure])
            case TaskState.RETRY | TaskState.PENDING:
                await self.store.expire_lease(self.task)
                await self.store.reclaim()
        if state is TaskState.PENDING:
            await self.store.maintenance.promote(["default"])

    async def happens(self, event: Event) -> bool:
        """Whether the store accepted the event."""
        try:
            return bool(await getattr(self, f"on_{event.name.lower()}")())
        except REFUSALS:
            return False

    async def on_enqueue(self) -> bool:
        return await self._enqueue(make_task(id=self.task.id))

    async def on_schedule(self) -> bool:
        return await self._enqueue(self.task)

    async def _enqueue(self, task: Task) -> bool:
        (answer,) = await self.store.enqueuer.enqueue([Enqueue(task)])
        return not isinstance(answer, Duplicate) and not answer.replayed  # type: ignore[union-attr]

    async def on_due(self) -> bool:
        for state in ("scheduled", "retry"):
            await self.store.server.command("ZADD", f"taskyard:{{default}}:{state}", "XX", 1, self.task.id)
        (promotion,) = await self.store.maintenance.promote(["default"])
        return bool(promotion.late_ms)  # type: ignore[union-attr]

    async def on_lease(self) -> bool:
        return bool(await self.worker.lease())

    async def on_succeed(self) -> bool:
        before = await self.store.state(self.task)
        (reply,) = await self.worker.settlements.complete([Success(self.lease, 1)])
        return reply is Reply.DONE and before is not TaskState.COMPLETED

    async def on_fail(self) -> bool:
        return await self.worker.settlements.fail([Failure(self.lease, 1, "no", retry_in_ms=HOUR_MS)]) == [Reply.DONE]

    async def on_give_up(self) -> bool:
        failure = Failure(self.lease, 1, "no", reason=ArchiveReason.DO_NOT_RETRY)
        return await self.worker.settlements.fail([failure]) == [Reply.DONE]

    async def on_release(self) -> bool:
        return await self.worker.leases.release([self.lease]) == [Reply.DONE]

    async def on_lapse(self) -> bool:
        await self.store.expire_lease(self.task)
        return await self.store.reclaim() == [Reply.DONE]

    async def on_cancel(self) -> bool:
        return bool(await self.store.control.cancel("default", self.task.id))

    async def on_run_now(self) -> bool:
        was_pending = await self.store.state(self.task) is TaskState.PENDING
        await self.store.control.run_now("default", self.task.id)
        return not was_pending

    async def on_delete(self) -> bool:
        await self.store.control.delete("default", self.task.id)
        return True

    async def on_expire(self) -> bool:
        for state in ("archived", "completed"):
            await self.store.server.command("ZADD", f"taskyard:{{default}}:{state}", "XX", 1, self.task.id)
        (answer,) = await self.store.maintenance.expire(["default"])
        return bool(answer[0])  # type: ignore[index]
