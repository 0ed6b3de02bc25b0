"""What time and mishaps do behind the store's back."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import precondition, rule

from queuecore.domain.task import Task
from queuecore.store.scripts.keys import queue_keys
from queuecore.testing.keyspace import on_all_nodes
from queuecore.testing.model import PAST, Held
from tests.integration.queuecore.model.choices import tasks, waiting
from tests.integration.queuecore.model.driven_store import DrivenStore

MOST_LOSSES = 3


class Mishaps(DrivenStore):
    """Time goes by, locks and answers lapse, scripts and envelopes are lost."""

    @precondition(lambda self: bool(self.waiting()))
    @rule(held=waiting, and_all_in_its_state=st.booleans())
    def time_goes_by(self, held: Held, and_all_in_its_state: bool) -> None:
        for each in self.waiting(held.state) if and_all_in_its_state else [held]:
            self._command("ZADD", getattr(queue_keys(each.task.queue), each.state), "XX", PAST.low, each.task.id)
            each.at, each.over = PAST, True

    @precondition(lambda self: bool(self.tasks))
    @rule(
        mishap=st.sampled_from(("window_ends", "answer_is_forgotten", "scripts_are_forgotten", "envelope_is_lost")),
        task=tasks,
    )
    def goes_wrong(self, mishap: str, task: Task) -> None:
        getattr(self, f"_{mishap}")(task)

    def _window_ends(self, task: Task) -> None:
        self._command("DEL", f"{queue_keys(task.queue).prefix}u:{task.lock_digest}")
        self.model.queues[task.queue].locks.pop(task.lock_digest, None)

    def _answer_is_forgotten(self, task: Task) -> None:
        self._command("DEL", f"{queue_keys(task.queue).prefix}i:k")
        self.model.queues[task.queue].answers.clear()

    def _scripts_are_forgotten(self, _: Task) -> None:
        self.run(on_all_nodes(self.store.server, "SCRIPT FLUSH"))

    def _envelope_is_lost(self, task: Task) -> None:
        held = self.model.find(task)
        if held and self.losses < MOST_LOSSES:
            self._command("DEL", f"{queue_keys(task.queue).prefix}t:{task.id}")
            held.orphaned = True
            self.losses += 1

    def _command(self, *parts: Any) -> None:
        self.run(self.store.server.command(*parts))
