"""Invariants that hold after every fault, once all tasks have ended.

1. No task is lost: each enqueued task is completed, or archived with a reason.
2. No task is completed twice: the history of a completed task has exactly one ``completed`` attempt, that of an
   archived task has none, and the totals count as many completions as there are completed tasks.
3. Histories are complete: attempts are numbered without gaps, and each has an outcome. The totals count as many failed
   attempts as the histories. They may count more lost attempts, because a late success turns a lost attempt into a
   completed one.
4. Every execution has an attempt: for each start of a handler, the history has an attempt with that number and worker.
   Exceptions: attempts released by a stopping worker, whose number is reused, and attempts dropped from the history
   after twenty newer ones.
5. Completed attempts ran: the handler of a completed attempt ended, and the task has its result.
6. Every task was run at least once.
7. The keyspace of the store is consistent.
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
from tests.support.execution_log import Entry
from tests.support.system import System

_SHOWN = 20
_BATCH = 50


class Summary(NamedTuple):
    """Counts and violations of a run."""

    completed: int
    archived: int
    lost: int
    never_run: int
    executions: int
    """Starts of handlers."""
    repeated: int
    """Completed executions without effect, because another execution of the task counted."""
    late: int
    """Executions that started after the completed one had ended: their worker's lease was lost."""
    violations: list[str]
    """Violated invariants, one sentence each."""


async def assert_invariants(system: System, tasks: Iterable[Task]) -> Summary:
    """Assert all invariants.

    Raises:
        AssertionError: an invariant is violated; the message lists the violations.
    """
    summary = await check_invariants(system, tasks)
    violations = summary.violations
    assert not violations, f"{len(violations)} invariants are violated:\n" + "\n".join(violations[:_SHOWN])
    return summary


async def check_invariants(system: System, tasks: Iterable[Task]) -> Summary:
    """Check all invariants and count tasks and executions."""
    tasks = list(tasks)
    found = await _find_all(system, tasks)
    entries = system.executions.entries()
    snapshots = [snapshot for snapshot in found if snapshot is not None]
    violations = [f"{task.id} is lost" for task, snapshot in zip(tasks, found, strict=True) if snapshot is None]
    for snapshot in snapshots:
        violations += _check_task(snapshot)
    violations += _check_totals(await system.stats(), snapshots)
    violations += _check_executions(entries, snapshots, system.stopped_pids)
    violations += find_contradictions(await read_keyspace(system.store.server))
    run = {each.task_id for each in entries if each.event == "started"}
    never_run = [snapshot for snapshot in snapshots if snapshot.task.id not in run]
    violations += [f"{each.task.id} was never run and is {each.state} {each.reason or ''}" for each in never_run]
    states = Counter(snapshot.state for snapshot in snapshots)
    ended = Counter(each.task_id for each in entries if each.event == "ended")
    return Summary(
        completed=states[TaskState.COMPLETED],
        archived=states[TaskState.ARCHIVED],
        lost=len(tasks) - len(snapshots),
        never_run=len(never_run),
        executions=sum(each.event == "started" for each in entries),
        repeated=sum(number - 1 for number in ended.values()),
        late=_count_late_runs(entries, snapshots),
        violations=violations,
    )


async def _find_all(system: System, tasks: list[Task]) -> list[TaskSnapshot | None]:
    found: list[TaskSnapshot | None] = []
    for first in range(0, len(tasks), _BATCH):
        chunk = tasks[first : first + _BATCH]
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
    if completions and _attempt_in(snapshot.result) != completions[0].number:
        result = (snapshot.result or b"")[:100]
        yield f"{name} was completed by attempt {completions[0].number}, but has the result {result!r}"


def _check_totals(stats: QueueStats, snapshots: list[TaskSnapshot]) -> Iterator[str]:
    totals = stats.totals
    if dict(Counter(each.task.type for each in snapshots)) != totals.enqueued:
        yield f"the totals of enqueued tasks are {totals.enqueued}"
    late = Counter[str]()
    for (_, kind), number in totals.late.items():
        late[kind] += number
    held = Counter((each.outcome, snapshot.task.type) for snapshot in snapshots for each in snapshot.attempts)
    for outcome in Outcome:
        for kind in totals.enqueued:
            counted, in_histories = totals.processed.get((outcome, kind), 0), held[outcome, kind]
            ended_twice = late[kind] if outcome is Outcome.LOST else 0
            # Lost attempts may be older than the history.
            if counted < in_histories + ended_twice or (counted > in_histories and outcome is not Outcome.LOST):
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
            yield f"{each.task_id} was run by {each.worker_pid} as attempt {each.attempt}, which is not in its history"
    for snapshot in snapshots:
        for attempt in snapshot.attempts:
            if attempt.outcome is Outcome.COMPLETED and (attempt.number, _pid(attempt)) not in ended[snapshot.task.id]:
                yield f"{snapshot.task.id} is completed by {attempt.worker}, whose handler did not end"


def _count_late_runs(entries: list[Entry], snapshots: list[TaskSnapshot]) -> int:
    completions = {
        (snapshot.task.id, each.number, _pid(each))
        for snapshot in snapshots
        for each in snapshot.attempts
        if each.outcome is Outcome.COMPLETED
    }
    completed: set[str] = set()
    late = 0
    for entry in entries:
        late += entry.event == "started" and entry.task_id in completed
        if entry.event == "ended" and (entry.task_id, entry.attempt, entry.worker_pid) in completions:
            completed.add(entry.task_id)
    return late


def _attempt_in(result: bytes | None) -> object:
    """The number of the attempt in its result: alone, or the first of a list that makes it large."""
    found = msgspec.json.decode(result or b"null")
    return found[0] if isinstance(found, list) else found


def _pid(attempt: Attempt) -> int:
    return int(attempt.worker.rsplit("-", 2)[1])
