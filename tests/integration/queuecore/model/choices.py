"""Strategies of the state machine: new tasks, and the tasks and leases that a step uses.

Uniform choices would mostly pick stale leases and empty queues. Each strategy therefore first chooses between the
relevant kinds, and preconditions exclude steps without effect.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import precondition

from queuecore.domain.state import TaskState
from queuecore.domain.task import Task, UniqueLock
from queuecore.testing.builders import make_task
from queuecore.testing.model import StoredTask

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
    """Tasks with few different ids, locks and contents, which collide often."""
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
    """A value of one of these kinds, with equal probability; the last kind has all values and replaces an empty one."""

    def of_kind(kind: Callable[[DrivenStore], list[T]]) -> st.SearchStrategy[T]:
        return st.runner().flatmap(lambda machine: st.sampled_from(kind(machine) or kinds[-1](machine)))

    return st.one_of(*(of_kind(kind) for kind in kinds))


tasks: st.SearchStrategy[Task] = _chosen(lambda machine: machine.known_tasks(), lambda machine: machine.tasks)
leases: st.SearchStrategy[Any] = _chosen(
    lambda machine: machine.current_leases(),
    lambda machine: machine.superseded_leases(),
    lambda machine: machine.leases,
)
findings: st.SearchStrategy[Any] = _chosen(lambda machine: machine.findings[-1:], lambda machine: machine.findings)
waiting: st.SearchStrategy[StoredTask] = st.runner().flatmap(lambda machine: st.sampled_from(machine.waiting()))


def when_some_have_passed(*states: TaskState) -> Callable[[Rule], Rule]:
    """Precondition: the time of a task in one of these states has passed."""
    return precondition(lambda machine: any(stored.passed for stored in machine.in_state(*states)))
