"""Text for people: tasks, queues, workers and types as rows of texts. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

import msgspec

from taskyard.cli.api import TypeInfo, WorkerInfo
from taskyard.views import QueueStats, TaskInfo


class Rows(NamedTuple):
    """A table."""

    headings: tuple[str, ...]
    rows: list[tuple[str, ...]]
    numbers: frozenset[str] = frozenset()
    """Headings of the columns that hold numbers."""


STATES = ("pending", "active", "scheduled", "retry", "archived", "completed")
_SHOWN_ERROR = 60
"""Characters of an error in a list of tasks."""


def printable(text: str) -> str:
    """A text without control characters, which could drive the terminal; line breaks and tabs stay."""
    return "".join(each if each.isprintable() or each in "\n\t" else repr(each)[1:-1] for each in text)


def moment(at: datetime | None) -> str:
    """A time, RFC 3339 in whole seconds; empty without one."""
    return "" if at is None else at.isoformat(timespec="seconds").replace("+00:00", "Z")


def json_text(value: Any) -> str:
    """A value as JSON."""
    return msgspec.json.encode(value).decode()


def task_fields(task: TaskInfo) -> list[tuple[str, str]]:
    """Names and values of a task's fields that are set, in the order for readers."""
    fields = [
        ("id", task.id),
        ("type", task.type),
        ("queue", task.queue),
        ("state", task.state + (" (cancel requested)" if task.cancel_requested and not task.has_ended else "")),
        ("reason", task.reason or ""),
        ("error", task.last_error),
        ("result", "" if task.result is None else json_text(task.result)),
        ("progress", "" if task.progress is None else json_text(task.progress)),
        ("payload", json_text(task.payload)),
        ("metadata", json_text(task.metadata) if task.metadata else ""),
        ("priority", "" if task.priority is None else str(task.priority)),
        ("retries", f"{task.retried} of {task.max_retries}"),
        ("timeout", task.timeout or ""),
        ("deadline", moment(task.deadline)),
        ("unique", task.unique or ""),
        ("retention", task.retention or ""),
        ("created", moment(task.created_at)),
        ("due", "" if task.has_ended else moment(task.next_process_at)),
        ("ended", moment(task.ended_at)),
    ]
    return [(name, printable(text)) for name, text in fields if text]


def attempt_rows(task: TaskInfo) -> Rows:
    """The attempts of a task."""
    return _table(
        ("attempt", "worker", "started", "ended", "outcome", "error"),
        (
            (
                str(each.number),
                each.pod or each.worker,
                moment(each.started_at),
                moment(each.ended_at),
                each.outcome or "running",
                each.error,
            )
            for each in task.attempts
        ),
        numbers={"attempt"},
    )


def task_rows(tasks: Iterable[TaskInfo]) -> Rows:
    """A list of tasks."""
    return _table(
        ("id", "type", "queue", "state", "retried", "due or ended", "error"),
        (
            (
                each.id,
                each.type,
                each.queue,
                each.state,
                str(each.retried),
                moment(each.ended_at or each.next_process_at),
                _shorten(each.last_error),
            )
            for each in tasks
        ),
        numbers={"retried"},
    )


def queue_rows(queues: Mapping[str, QueueStats]) -> Rows:
    """The number of tasks of each queue by state."""
    return _table(
        ("queue", *STATES),
        ((name, *(str(getattr(queues[name], state)) for state in STATES)) for name in sorted(queues)),
        numbers=set(STATES),
    )


def worker_rows(workers: Iterable[WorkerInfo]) -> Rows:
    """The live workers."""
    return _table(
        ("worker", "queues", "types", "busy", "state", "started"),
        (
            (
                each.pod or each.worker,
                " ".join(each.queues),
                " ".join(each.types),
                f"{each.busy}/{each.slots}",
                "draining" if each.draining else "running",
                moment(each.started_at),
            )
            for each in workers
        ),
        numbers={"busy"},
    )


def type_rows(types: Iterable[TypeInfo], workers: Iterable[WorkerInfo]) -> Rows:
    """The registered types, the fields of their payloads, and the number of workers that run them."""
    workers = list(workers)
    return _table(
        ("type", "payload", "workers"),
        (
            (each.type, payload_fields(each.schema), str(sum(each.type in worker.types for worker in workers)))
            for each in types
        ),
        numbers={"workers"},
    )


def payload_fields(schema: Any) -> str:
    """The fields of a payload's schema: the optional ones in brackets; ``any object`` if it names none."""
    found = _resolve(schema)
    properties = found.get("properties")
    if not isinstance(properties, dict) or not properties:
        return "any object"
    required = found.get("required") or ()
    return " ".join(name if name in required else f"[{name}]" for name in properties)


def _resolve(schema: Any) -> dict[str, Any]:
    """A schema, or the definition that it refers to."""
    if not isinstance(schema, dict):
        return {}
    name = str(schema.get("$ref", "")).removeprefix("#/$defs/")
    found = schema.get("$defs", {}).get(name, schema)
    return found if isinstance(found, dict) else {}


def _table(headings: tuple[str, ...], rows: Iterable[tuple[str, ...]], numbers: Iterable[str] = ()) -> Rows:
    return Rows(headings, [tuple(printable(cell) for cell in row) for row in rows], frozenset(numbers))


def _shorten(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHOWN_ERROR else f"{line[: _SHOWN_ERROR - 1]}…"
