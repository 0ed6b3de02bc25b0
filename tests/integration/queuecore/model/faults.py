"""Steps of time and faults: expiry, lost scripts, lost envelopes."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from queuecore.domain.task import Task
from queuecore.store.scripts.keys import queue_keys
from queuecore.testing.keyspace import on_all_nodes
from queuecore.testing.model import PASSED, StoredTask
from tests.integration.queuecore.model.choices import tasks, waiting
from tests.integration.queuecore.model.driven_store import DrivenStore

MOST_LOSSES = 3


class Faults(DrivenStore):
    """Lets time pass, expires locks and answers, loses scripts and envelopes."""

    @precondition(lambda self: bool(self.waiting()))
    @rule(stored=waiting, and_all_in_its_state=st.booleans())
    def time_passes(self, stored: StoredTask, and_all_in_its_state: bool) -> None:
        for each in self.waiting(stored.state) if and_all_in_its_state else [stored]:
            self._command("ZADD", getattr(queue_keys(each.task.queue), each.state), "XX", PASSED.low, each.task.id)
            each.at, each.passed = PASSED, True

    @precondition(lambda self: bool(self.tasks))
    @rule(
        fault=st.sampled_from(("window_ends", "answer_expires", "scripts_are_flushed", "envelope_is_lost")),
        task=tasks,
    )
    def inject(self, fault: str, task: Task) -> None:
        getattr(self, f"_{fault}")(task)

    def _window_ends(self, task: Task) -> None:
        self._command("DEL", f"{queue_keys(task.queue).prefix}u:{task.lock_digest}")
        self.model.queues[task.queue].locks.pop(task.lock_digest, None)

    def _answer_expires(self, task: Task) -> None:
        keys, queue = queue_keys(task.queue), self.model.queues[task.queue]
        self._command("DEL", f"{keys.prefix}i:k", keys.answer_bytes)
        if queue.answers:
            self._command("HSET", keys.answer_bytes, PASSED.low, queue.answer_bytes)
        queue.answers.clear()
        queue.answer_bytes = 0

    def _scripts_are_flushed(self, _: Task) -> None:
        self.run(on_all_nodes(self.store.server, "SCRIPT FLUSH"))

    def _envelope_is_lost(self, task: Task) -> None:
        stored = self.model.find(task)
        if stored and self.losses < MOST_LOSSES:
            self._command("DEL", f"{queue_keys(task.queue).prefix}t:{task.id}")
            stored.orphaned = True
            self.losses += 1

    def _command(self, *parts: Any) -> None:
        self.run(self.store.server.command(*parts))
