"""What must hold when all is over, whatever was done to the processes.

1. Nothing is lost: each task that was enqueued is completed, or archived with a reason.
2. Nothing is completed twice: the history of a completed task has exactly one attempt ``completed``, that of an
   archived one has none, and the totals count as many completions as there are completed tasks.
3. Histories are whole: attempts are numbered without gaps, and each has ended with an outcome. The totals count as many
   failed attempts as the histories hold. They may count more lost ones: a success that came late turns a lost attempt
   into a completed one.
4. Each execution is accounted for: whenever a handler began, the history has an attempt of that number by that worker.
   Excepted is what a worker gave back because it was asked to stop: the number goes to the next attempt. Excepted, too,
   are attempts that the history no longer holds because twenty newer ones followed.
5. What counts was done: a completed attempt's handler came to its end, and the task's result is what it returned.
6. The store holds no contradictions.
"""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import msgspec

from queuecore.domain.state import TaskState
from queuecore.domain.task import HISTORY_LENGTH, Attempt, Outcome, Task, TaskSnapshot
from queuecore.store.queues.reader import QueueStats
from queuecore.testing.keyspace import find_contradictions, read_keyspace
from tests.support.journal import Entry
from tests.support.system import System

_SHOWN = 20
_AT_ONCE = 50


class Tally(NamedTuple):
    """What was found."""

    completed: int
    archived: int
    lost: int
    executions: int
    """How often handlers began."""
    repeated: int
    """How often handlers came to their end in vain: another execution of the task was the one that counted."""
    wrong: list[str]
    """What does not hold, in sentences."""


async def audit(system: System, tasks: Iterable[Task]) -> Tally:
    """Check all of the above.

    Raises:
        AssertionError: something does not hold; the message says what.
    """
    tally = await examine(system, tasks)
    wrong = tally.wrong
    assert not wrong, f"{len(wrong)} things are wrong:\n" + "\n".join(wrong[:_SHOWN])
    return tally


async def examine(system: System, tasks: Iterable[Task]) -> Tally:
    """Find out what of the above holds, with the numbers."""
    tasks = list(tasks)
    found = await _find_all(system, tasks)
    entries = system.journal.entries()
    snapshots = [snapshot for snapshot in found if snapshot is not None]
    wrong = [f"{task.id} is lost" for task, snapshot in zip(tasks, found, strict=True) if snapshot is None]
    for snapshot in snapshots:
        wrong += _check_task(snapshot)
    wrong += _check_totals(await system.stats(), snapshots)
    wrong += _check_executions(entries, snapshots, system.stopped_pids)
    wrong += find_contradictions(await read_keyspace(system.store.server))
    states = Counter(snapshot.state for snapshot in snapshots)
    ended = Counter(each.task_id for each in entries if each.event == "ended")
    return Tally(
        completed=states[TaskState.COMPLETED],
        archived=states[TaskState.ARCHIVED],
        lost=len(tasks) - len(snapshots),
        executions=sum(each.event == "started" for each in entries),
        repeated=sum(number - 1 for number in ended.values()),
        wrong=wrong,
    )


async def _find_all(system: System, tasks: list[Task]) -> list[TaskSnapshot | None]:
    found: list[TaskSnapshot | None] = []
    for first in range(0, len(tasks), _AT_ONCE):
        chunk = tasks[first : first + _AT_ONCE]
        found += await asyncio.gather(*(system.store.reader.find(task.id, [task.queue]) for task in chunk))
    return found


def _check_task(snapshot: TaskSnapshot) -> Iterator[str]:
    name, attempts = f"{snapshot.task.type} {snapshot.task.id}", snapshot.attempts
    completions = [each for each in attempts if each.outcome is Outcome.COMPLETED]
    if not snapshot.state.is_final:
        yield f"{name} is {snapshot.state}"
    if snapshot.state is TaskState.ARCHIVED and not snapshot.reason:
        yield f"{name} is archived without a reason"
    if len(completions) != (snapshot.state is TaskState.COMPLETED):
        yield f"{name} is {snapshot.state} and has {len(completions)} completed attempts"
    if [each.number for each in attempts] != list(range(snapshot.attempt - len(attempts) + 1, snapshot.attempt + 1)):
        yield f"{name} had {snapshot.attempt} attempts, of which the history has {[each.number for each in attempts]}"
    if len(attempts) < min(snapshot.attempt, HISTORY_LENGTH):
        yield f"{name} had {snapshot.attempt} attempts, but the history has only {len(attempts)}"
    if still_open := [each.number for each in attempts if each.outcome is None or each.ended_at_ms is None]:
        yield f"{name} has attempts that have not ended: {still_open}"
    if completions and msgspec.json.decode(snapshot.result or b"null") != completions[0].number:
        yield f"{name} was completed by attempt {completions[0].number}, but has the result {snapshot.result!r}"


def _check_totals(stats: QueueStats, snapshots: list[TaskSnapshot]) -> Iterator[str]:
    totals = stats.totals
    if dict(Counter(each.task.type for each in snapshots)) != totals.enqueued:
        yield f"the totals of enqueued tasks are {totals.enqueued}"
    held = Counter((each.outcome, snapshot.task.type) for snapshot in snapshots for each in snapshot.attempts)
    for outcome in Outcome:
        for kind in totals.enqueued:
            counted, in_histories = totals.processed.get((outcome, kind), 0), held[outcome, kind]
            if counted < in_histories or (counted > in_histories and outcome is not Outcome.LOST):
                yield f"the totals count {counted} attempts of {kind} as {outcome}, the histories hold {in_histories}"


def _check_executions(entries: list[Entry], snapshots: list[TaskSnapshot], stopped_pids: set[int]) -> Iterator[str]:
    by_id = {snapshot.task.id: snapshot for snapshot in snapshots}
    ended: dict[str, set[tuple[int, int]]] = defaultdict(set)
    for each in entries:
        snapshot = by_id.get(each.task_id)
        if each.event == "ended":
            ended[each.task_id].add((each.attempt, each.worker_pid))
        if snapshot is None or each.event != "started" or each.worker_pid in stopped_pids:
            continue
        if each.attempt <= snapshot.attempt - HISTORY_LENGTH:
            continue
        if (each.attempt, each.worker_pid) not in {(held.number, _pid(held)) for held in snapshot.attempts}:
            yield f"{each.task_id} was run by {each.worker_pid} as attempt {each.attempt}, which its history has not"
    for snapshot in snapshots:
        for attempt in snapshot.attempts:
            if attempt.outcome is Outcome.COMPLETED and (attempt.number, _pid(attempt)) not in ended[snapshot.task.id]:
                yield f"{snapshot.task.id} is completed by {attempt.worker}, whose handler did not come to its end"


def _pid(attempt: Attempt) -> int:
    return int(attempt.worker.rsplit("-", 2)[1])
