"""Commands for single tasks: ``get``, ``wait``, ``cancel``, ``run``, ``delete``."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Any

import typer

from queuecore.errors import TaskyardError
from taskyard.cli.exit_code import ExitCode, exit_code_of
from taskyard.cli.rows import attempt_rows, task_fields
from taskyard.cli.session import Session
from taskyard.views import TaskInfo

TaskId = Annotated[str, typer.Argument(help="Id of the task.", metavar="TASK_ID")]
TaskIds = Annotated[list[str], typer.Argument(help="Ids of tasks.", metavar="TASK_ID...")]
Queue = Annotated[str | None, typer.Option(help="Queue of the task; without it, all queues are searched.")]


def get(session: Session, task_id: TaskId, queue: Queue = None) -> None:
    """Show a task and its attempts."""
    show_task(session, session.client.get(task_id, queue=queue))


def wait(
    session: Session,
    task_id: TaskId,
    queue: Queue = None,
    timeout: Annotated[str | None, typer.Option(help="Time limit, a duration such as 30s or 5m.")] = None,
) -> ExitCode | None:
    """Wait for the end of a task and show it. Exit code 4: it failed; 5: it has not ended in time."""
    return show_task(session, session.client.wait(task_id, queue=queue, timeout=timeout))


def cancel(session: Session, task_ids: TaskIds, queue: Queue = None) -> ExitCode | None:
    """Cancel tasks that have not ended; workers are asked to stop running ones."""

    def act(task_id: str) -> tuple[str, dict[str, Any]]:
        cancelled = session.client.cancel(task_id, queue=queue)
        return "cancelled" if cancelled else "runs; its worker is asked to stop it", {"cancelled": cancelled}

    return _for_each(session, task_ids, act)


def run(session: Session, task_ids: TaskIds, queue: Queue = None) -> ExitCode | None:
    """Make tasks pending now; an ended task gets one more attempt."""

    def act(task_id: str) -> tuple[str, dict[str, Any]]:
        session.client.run(task_id, queue=queue)
        return "pending", {"pending": True}

    return _for_each(session, task_ids, act)


def delete(session: Session, task_ids: TaskIds, queue: Queue = None) -> ExitCode | None:
    """Delete tasks that are not running."""

    def act(task_id: str) -> tuple[str, dict[str, Any]]:
        session.client.delete(task_id, queue=queue)
        return "deleted", {"deleted": True}

    return _for_each(session, task_ids, act)


def show_task(session: Session, task: TaskInfo) -> ExitCode | None:
    """Write a task.

    Returns:
        The exit code of a command that waited for the task.
    """
    if session.printer.as_json:
        session.printer.json(task)
    else:
        session.printer.fields(task_fields(task))
        if task.attempts:
            session.printer.text("")
            session.printer.table(attempt_rows(task))
    return ExitCode.TASK_FAILED if task.state == "archived" else None


def _for_each(
    session: Session, task_ids: Iterable[str], act: Callable[[str], tuple[str, dict[str, Any]]]
) -> ExitCode | None:
    """Act on each task; an error is reported, and the others follow. Returns the code of the first error."""
    code: ExitCode | None = None
    for task_id in task_ids:
        try:
            text, fields = act(task_id)
        except TaskyardError as error:
            session.printer.error(error)
            code = code or exit_code_of(error)
            continue
        if session.printer.as_json:
            session.printer.json({"task_id": task_id, **fields})
        else:
            session.printer.text(f"{task_id}: {text}")
    return code
