"""What the machine may do next: how tasks are made, and which of those in the store a step is about.

Left to chance alone, most steps would hit nothing: a stale lease, an empty queue. So each choice is between kinds that
matter, and a step that would find nothing to do is not offered.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import precondition

from queuecore.domain.state import TaskState
from queuecore.domain.task import Task, UniqueLock
from queuecore.testing.builders import make_task
from queuecore.testing.model import Held

if TYPE_CHECKING:
    from tests.integration.queuecore.model.driven_store import DrivenStore

T = TypeVar("T")
Rule = Callable[..., None]

HOUR_MS = 3_600_000
FAR_AWAY_AT_MS = 4_000_000_000_000
QUEUES = ("one", "two")
WORKERS = ("ann", "bob", "cyd")

queues = st.sampled_from(QUEUES)
digests = st.sampled_from(("", "", "x", "y"))


@st.composite
def made_tasks(draw: st.DrawFn) -> Task:
    """Few ids, locks and contents, so that they meet often."""
    lock = draw(digests)
    return make_task(
        id=draw(st.sampled_from("abcdef")),
        queue=draw(queues),
        type=draw(st.sampled_from(("mail", "scan"))),
        enqueued_at_ms=0,
        priority=draw(st.sampled_from((5, 5, 0, 9))),
        process_at_ms=draw(st.sampled_from((None, None, 1, FAR_AWAY_AT_MS))),
        unique=UniqueLock(lock, HOUR_MS) if lock else None,
        retention_ms=draw(st.sampled_from((HOUR_MS, 0))),
    )


def _chosen(*kinds: Callable[[DrivenStore], list[T]]) -> st.SearchStrategy[T]:
    """One of any of these kinds, each as likely; the last holds all that ever were, and stands in for an empty one."""

    def of_kind(kind: Callable[[DrivenStore], list[T]]) -> st.SearchStrategy[T]:
        return st.runner().flatmap(lambda machine: st.sampled_from(kind(machine) or kinds[-1](machine)))

    return st.one_of(*(of_kind(kind) for kind in kinds))


tasks: st.SearchStrategy[Task] = _chosen(lambda machine: machine.known_tasks(), lambda machine: machine.tasks)
leases: st.SearchStrategy[Any] = _chosen(
    lambda machine: machine.current_leases(),
    lambda machine: machine.superseded_leases(),
    lambda machine: machine.leases,
)
lapses: st.SearchStrategy[Any] = _chosen(lambda machine: machine.lapses[-1:], lambda machine: machine.lapses)
waiting: st.SearchStrategy[Held] = st.runner().flatmap(lambda machine: st.sampled_from(machine.waiting()))


def when_some_are_over(*states: TaskState) -> Callable[[Rule], Rule]:
    """While the time of tasks in one of these states has come."""
    return precondition(lambda machine: any(held.over for held in machine.in_state(*states)))
