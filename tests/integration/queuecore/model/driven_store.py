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
from queuecore.testing.model import Between, Held, StoreModel
from queuecore.testing.store import TestStore, TestWorker
from tests.integration.queuecore.model.choices import WORKERS

T = TypeVar("T")

SLACK_MS = 2
"""How far the server's clock, of which only whole milliseconds are kept, may seem to be from ours."""


class HeldLease(NamedTuple):
    """A lease and who holds it."""

    lease: Lease
    worker: str


class DrivenStore(RuleBasedStateMachine):
    """Drives one store and its model side by side.

    Args:
        url: of a server that nobody else uses.
    """

    def __init__(self, url: str) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.store = self.runner.run(_open(url))
        self.workers: dict[str, TestWorker] = {name: self.store.worker(name) for name in WORKERS}
        self.model = StoreModel()
        self.losses = 0
        self.tasks: list[Task] = []
        """All that were ever sent."""
        self.leases: list[HeldLease] = []
        """All that were ever given; most of them are stale by now."""
        self.lapses: list[ExpiredLeases] = []
        """All that were ever seen."""

    def known_tasks(self) -> list[Task]:
        """Those that the store holds now."""
        return [held.task for queue in self.model.queues.values() for held in queue.tasks.values()]

    def in_state(self, *states: TaskState) -> list[Held]:
        """Those that are in one of these states."""
        return [held for queue in self.model.queues.values() for held in queue.in_state(*states)]

    def waiting(self, *states: TaskState) -> list[Held]:
        """Those whose time in one of these states, or in any that has an end, has yet to come."""
        timed = states or tuple(state for state in TaskState if state is not TaskState.PENDING)
        return [held for held in self.in_state(*timed) if not held.over]

    def current_leases(self) -> list[HeldLease]:
        """Those that still count."""
        return [each for each in self.leases if self.model.is_current(each.lease)]

    def superseded_leases(self) -> list[HeldLease]:
        """Those whose task somebody else runs by now."""
        running = {(held.task.queue, held.task.id) for held in self.in_state(TaskState.ACTIVE)}
        others = [each for each in self.leases if not self.model.is_current(each.lease)]
        return [each for each in others if (each.lease.task.queue, each.lease.task.id) in running]

    def teardown(self) -> None:
        self.run(self.store.close())
        self.runner.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def timed(self, work: Coroutine[Any, Any, T]) -> tuple[T, Between]:
        """What the store answers, and between which times by the server's clock."""
        before = now_ms()
        answer = self.run(work)
        return answer, Between(before - SLACK_MS, now_ms() + SLACK_MS)

    @invariant()
    def store_is_as_the_model_says(self) -> None:
        keyspace = self.run(read_keyspace(self.store.server))
        differences = find_differences(self.model, keyspace)
        assert not differences, differences
        # The name of a lost task's lock is lost as well.
        assert self.losses or not find_contradictions(keyspace)


async def _open(url: str) -> TestStore:
    store = TestStore(url)
    await empty(store.server)
    return store
