"""Answers of the API, as the client reads them. Fields that a newer API adds are ignored."""

from __future__ import annotations

from typing import Any

import msgspec

from taskyard.views import TaskInfo


class TaskPage(msgspec.Struct, frozen=True, kw_only=True):
    """A part of a list of tasks."""

    tasks: tuple[TaskInfo, ...]
    next_cursor: str | None = None


class Created(msgspec.Struct, frozen=True, kw_only=True):
    """A task that was enqueued."""

    task_id: str
    queue: str
    status: str


class BatchItem(msgspec.Struct, frozen=True, kw_only=True):
    """The fate of one task of a batch: the fields of a created task, or those of an error."""

    status_code: int
    task_id: str = ""
    queue: str = ""
    status: str = ""
    error: str = ""
    code: str = ""
    details: dict[str, Any] = {}


class BatchItems(msgspec.Struct, frozen=True, kw_only=True):
    """The fate of all tasks of a batch, in their order."""

    results: tuple[BatchItem, ...]


class ErrorBody(msgspec.Struct, frozen=True, kw_only=True):
    """The body of an error."""

    error: str
    code: str
    details: dict[str, Any] = {}


class ResultOnly(msgspec.Struct, frozen=True):
    """The result of a task as JSON."""

    result: msgspec.Raw = msgspec.Raw(b"null")
