"""A store and its model, driven side by side and compared after each step."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, NamedTuple, TypeVar

from hypothesis.stateful import RuleBasedStateMachine, invariant

from queuecore.domain.state import TaskState
from queuecore.domain.task import Task
from queuecore.store.attempts.leases import Lease
from queuecore.store.attempts.maintenance import ExpiredLeases
from queuecore.testing.builders import now_ms
from queuecore.testing.expected import find_differences
from queuecore.testing.keyspace import empty, find_contradictions, read_keyspace
from queuecore.testing.model import Bounds, StoredTask, StoreModel
from queuecore.testing.store import TestStore, TestWorker
from tests.integration.queuecore.model.choices import WORKERS

T = TypeVar("T")

SLACK_MS = 2
"""Tolerance between the server's clock, in whole milliseconds, and the local one."""


class WorkerLease(NamedTuple):
    """A lease and its worker."""

    lease: Lease
    worker: str


class DrivenStore(RuleBasedStateMachine):
    """Drives one store and its model side by side.

    Args:
        url: the URL of a server that no other test uses.
    """

    def __init__(self, url: str) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.store = self.runner.run(_open(url))
        self.workers: dict[str, TestWorker] = {name: self.store.worker(name) for name in WORKERS}
        self.model = StoreModel()
        self.losses = 0
        self.tasks: list[Task] = []
        """All tasks enqueued so far."""
        self.leases: list[WorkerLease] = []
        """All leases so far; most of them are stale."""
        self.findings: list[ExpiredLeases] = []
        """All expired leases found so far."""

    def known_tasks(self) -> list[Task]:
        """The tasks in the store."""
        return [stored.task for queue in self.model.queues.values() for stored in queue.tasks.values()]

    def in_state(self, *states: TaskState) -> list[StoredTask]:
        """The tasks in one of these states."""
        return [stored for queue in self.model.queues.values() for stored in queue.in_state(*states)]

    def waiting(self, *states: TaskState) -> list[StoredTask]:
        """The tasks in one of these states, by default every state with a time, whose time has not passed."""
        timed = states or tuple(state for state in TaskState if state is not TaskState.PENDING)
        return [stored for stored in self.in_state(*timed) if not stored.passed]

    def current_leases(self) -> list[WorkerLease]:
        """The leases that are current."""
        return [each for each in self.leases if self.model.is_current(each.lease)]

    def superseded_leases(self) -> list[WorkerLease]:
        """The leases whose task has a newer current lease."""
        running = {(stored.task.queue, stored.task.id) for stored in self.in_state(TaskState.ACTIVE)}
        others = [each for each in self.leases if not self.model.is_current(each.lease)]
        return [each for each in others if (each.lease.task.queue, each.lease.task.id) in running]

    def teardown(self) -> None:
        self.run(self.store.close())
        self.runner.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def timed(self, work: Coroutine[Any, Any, T]) -> tuple[T, Bounds]:
        """The result of a call, and the bounds of its time on the server's clock."""
        before = now_ms()
        answer = self.run(work)
        return answer, Bounds(before - SLACK_MS, now_ms() + SLACK_MS)

    @invariant()
    def store_matches_the_model(self) -> None:
        keyspace = self.run(read_keyspace(self.store.server))
        differences = find_differences(self.model, keyspace)
        assert not differences, differences
        # The lock of a task with a lost envelope stays, because its name is lost, too.
        assert self.losses or not find_contradictions(keyspace)


async def _open(url: str) -> TestStore:
    store = TestStore(url)
    await empty(store.server)
    return store
