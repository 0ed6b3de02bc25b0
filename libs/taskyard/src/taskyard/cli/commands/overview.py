"""Commands that show many things: ``list``, ``queues``, ``workers``, ``types``."""

from __future__ import annotations

from itertools import islice
from typing import Annotated

import typer

from taskyard.cli.commands.enqueue import read_metadata
from taskyard.cli.rows import queue_rows, task_rows, type_rows, worker_rows
from taskyard.cli.session import Session
from taskyard.errors import ServerTooOld

PAGE_SIZE = 100


def list_tasks(
    session: Session,
    queue: Annotated[str | None, typer.Option(help="Tasks of this queue only.")] = None,
    state: Annotated[str | None, typer.Option(help="Tasks in this state only, such as archived.")] = None,
    type: Annotated[str | None, typer.Option(help="Tasks of this type only.")] = None,  # noqa: A002 - the word of the API
    metadata: Annotated[list[str] | None, typer.Option(help="Tasks with NAME=VALUE only; may be repeated.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Most tasks to show.")] = PAGE_SIZE,
) -> None:
    """List tasks."""
    found = session.client.list(
        queue=queue, state=state, type=type, metadata=read_metadata(metadata), page_size=min(limit, PAGE_SIZE)
    )
    try:
        if session.printer.as_json:
            for each in islice(found, limit):
                session.printer.json(each)
        else:
            session.printer.table(task_rows(islice(found, limit)), empty="no task matches")
    except ServerTooOld as error:
        raise ServerTooOld(
            f"{session.url} cannot list tasks: this release of the API has no such operation; `taskyard get` shows "
            "a task whose id is known, and `taskyard queues` counts tasks by state",
            status=error.status,
            code=error.code,
            details=error.details,
        ) from error


def queues(
    session: Session,
    queue: Annotated[str | None, typer.Argument(help="One queue; all without it.")] = None,
) -> None:
    """Count the tasks of each queue by state."""
    found = session.client.stats(queue)
    if session.printer.as_json:
        for name in sorted(found):
            session.printer.json(found[name])
    else:
        session.printer.table(queue_rows(found), empty="no task was ever enqueued")


def workers(session: Session) -> None:
    """List the live workers."""
    found = session.api.workers()
    if session.printer.as_json:
        for each in found:
            session.printer.json(each)
    else:
        session.printer.table(worker_rows(found), empty="no worker is live; `taskyard doctor` says what to do")


def types(session: Session) -> None:
    """List the registered task types and the fields of their payloads; optional ones are in brackets."""
    found = session.api.types()
    if session.printer.as_json:
        for each in found:
            session.printer.json(each)
    else:
        session.printer.table(
            type_rows(found, session.api.workers()), empty="no worker has registered a type; start one with its app"
        )
