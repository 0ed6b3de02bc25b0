"""Recorded tasks and assertions on them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, overload

import msgspec
from typing_extensions import Unpack

from taskyard.options import EnqueueOptions, normalize
from taskyard.payloads.codec import encode_json
from taskyard.task import Task

_ANY_PAYLOAD = object()


@dataclass(frozen=True)
class RecordedTask:
    """A task that was enqueued."""

    id: str
    type: str
    queue: str
    payload: Any
    """The payload as plain JSON: dicts, lists and scalars."""
    options: Mapping[str, Any]
    """The options that the call, the task or the app set, in the form of requests: durations are texts."""

    def __str__(self) -> str:
        options = "".join(f", {name}={value!r}" for name, value in self.options.items())
        return f"{self.type}({msgspec.json.encode(self.payload).decode()}{options})"


class RecordedTasks(Sequence[RecordedTask]):
    """The tasks that were enqueued, in order."""

    def __init__(self) -> None:
        self._tasks: list[RecordedTask] = []

    def add(self, task: RecordedTask) -> None:
        """Record a task."""
        self._tasks.append(task)

    def of(self, task: Task[Any, Any, Any, Any]) -> list[RecordedTask]:
        """Those of one task type."""
        return [each for each in self._tasks if each.type == task.type]

    def assert_enqueued(
        self,
        task: Task[Any, Any, Any, Any],
        payload: object = _ANY_PAYLOAD,
        *,
        times: int | None = None,
        **options: Unpack[EnqueueOptions],
    ) -> None:
        """Assert that a task was enqueued.

        Args:
            task: the task.
            payload: its payload, or any if none is given; compared as JSON.
            times: how often; at least once if not given.
            options: options that it must have, however they are written; it may have others.

        Raises:
            AssertionError: it was not; the message lists what was enqueued.
        """
        found = [each for each in self.of(task) if _matches(each, payload, options)]
        if len(found) == times or (times is None and found):
            return
        wanted = _describe(task.type, payload, options)
        how_often = "" if times is None else f" {times} times, but {len(found)} times"
        raise AssertionError(f"{wanted} was not enqueued{how_often}. {self._enqueued()}")

    def assert_not_enqueued(
        self, task: Task[Any, Any, Any, Any], payload: object = _ANY_PAYLOAD, **options: Unpack[EnqueueOptions]
    ) -> None:
        """Assert that no such task was enqueued; arguments and errors as of :meth:`assert_enqueued`."""
        self.assert_enqueued(task, payload, times=0, **options)

    def assert_nothing_enqueued(self) -> None:
        """Assert that no task was enqueued.

        Raises:
            AssertionError: one was; the message lists all.
        """
        if self._tasks:
            raise AssertionError(self._enqueued())

    def _enqueued(self) -> str:
        if not self._tasks:
            return "Nothing was enqueued."
        return "Enqueued were:\n" + "\n".join(f"  {each}" for each in self._tasks)

    def __len__(self) -> int:
        return len(self._tasks)

    def __iter__(self) -> Iterator[RecordedTask]:
        return iter(self._tasks)

    @overload
    def __getitem__(self, index: int) -> RecordedTask: ...
    @overload
    def __getitem__(self, index: slice) -> list[RecordedTask]: ...
    def __getitem__(self, index: int | slice) -> RecordedTask | list[RecordedTask]:
        return self._tasks[index]

    def __repr__(self) -> str:
        return f"<{len(self._tasks)} recorded tasks>"


def _matches(recorded: RecordedTask, payload: object, options: Mapping[str, Any]) -> bool:
    if payload is not _ANY_PAYLOAD and msgspec.json.decode(encode_json(payload)) != recorded.payload:
        return False
    wanted = normalize(options)
    if wanted.pop("queue", recorded.queue) != recorded.queue:
        return False
    return all(recorded.options.get(name) == value for name, value in wanted.items())


def _describe(task_type: str, payload: object, options: Mapping[str, Any]) -> str:
    shown = "any payload" if payload is _ANY_PAYLOAD else encode_json(payload).decode()
    return f"{task_type}({shown}{''.join(f', {name}={value!r}' for name, value in normalize(options).items())})"
