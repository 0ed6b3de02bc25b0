"""``taskyard enqueue``: enqueue one task."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from queuecore.domain.names import check_task_type
from queuecore.domain.timestamp import parse_rfc3339
from queuecore.errors import InvalidField
from taskyard.cli.commands.tasks import show_task
from taskyard.cli.exit_code import ExitCode
from taskyard.cli.session import Session
from taskyard.options import EnqueueOptions, check_options
from taskyard.request import Request

_DURATION = "a duration such as 30s, 5m or 1h30m"


def enqueue(  # noqa: PLR0913, PLR0917 - one parameter per option
    session: Session,
    type: Annotated[str, typer.Argument(help="Task type.")],  # noqa: A002 - the word of the API
    payload: Annotated[
        str, typer.Argument(help="Payload, a JSON object; - reads it from stdin, @FILE from a file.")
    ] = "{}",
    queue: Annotated[str | None, typer.Option(help="Queue that it enters.")] = None,
    priority: Annotated[int | None, typer.Option(help="0 to 9; the highest runs first.")] = None,
    delay: Annotated[str | None, typer.Option(help=f"Earliest start from now, {_DURATION}.")] = None,
    process_at: Annotated[str | None, typer.Option(help="Earliest start, RFC 3339.")] = None,
    max_retries: Annotated[int | None, typer.Option(help="Attempts after a failed first one.")] = None,
    timeout: Annotated[str | None, typer.Option(help=f"Time limit of one attempt, {_DURATION}.")] = None,
    deadline: Annotated[str | None, typer.Option(help="No attempt runs after this time, RFC 3339.")] = None,
    unique: Annotated[str | None, typer.Option(help=f"Window in which equal tasks are refused, {_DURATION}.")] = None,
    unique_key: Annotated[str | None, typer.Option(help="With --unique: tasks with the same key are equal.")] = None,
    task_id: Annotated[str | None, typer.Option(help="Id of the task; an id is enqueued once.")] = None,
    metadata: Annotated[list[str] | None, typer.Option(help="NAME=VALUE; may be repeated.")] = None,
    retention: Annotated[str | None, typer.Option(help=f"How long the completed task is kept, {_DURATION}.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for its end, and show the task.")] = False,
) -> ExitCode | None:
    """Enqueue one task and print its id."""
    options: dict[str, Any] = {
        "queue": queue,
        "priority": priority,
        "delay": delay,
        "process_at": _read_time(process_at, "--process-at"),
        "max_retries": max_retries,
        "timeout": timeout,
        "deadline": _read_time(deadline, "--deadline"),
        "unique": unique,
        "unique_key": unique_key,
        "task_id": task_id,
        "metadata": read_metadata(metadata),
        "retention": retention,
    }
    options = {name: value for name, value in options.items() if value is not None}
    check_task_type(type)
    check_options(options, EnqueueOptions)
    handle = session.client.enqueue(Request(type, _read_payload(payload), options, msgspec.json.decode))
    if wait:
        return show_task(session, handle.wait())
    if session.printer.as_json:
        session.printer.json({"task_id": handle.id, "queue": handle.queue, "type": type})
    else:
        session.printer.text(handle.id)
    return None


def read_metadata(pairs: list[str] | None) -> dict[str, str] | None:
    """Metadata from texts ``NAME=VALUE``; ``None`` without one.

    Raises:
        InvalidField: a text has another form.
    """
    for each in pairs or ():
        if not each.partition("=")[1]:
            raise InvalidField("--metadata", each, "NAME=VALUE")
    return {name: value for name, _, value in (each.partition("=") for each in pairs)} if pairs else None


def _read_payload(text: str) -> bytes:
    try:
        data = _read_bytes(text)
        msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    except OSError as error:
        raise InvalidField("payload", text, f"a file that can be read ({error.strerror})") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidField("payload", text, f"a JSON object ({error})") from error
    return data


def _read_bytes(text: str) -> bytes:
    if text == "-":
        return sys.stdin.buffer.read().strip()
    return Path(text[1:]).read_bytes().strip() if text.startswith("@") else text.encode()


def _read_time(text: str | None, option: str) -> datetime | None:
    return None if text is None else datetime.fromtimestamp(parse_rfc3339(text, option) / 1000).astimezone()
