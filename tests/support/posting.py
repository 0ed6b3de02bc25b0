"""A client as services have them: posts tasks over HTTP, each until it is taken."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple, Self

import httpx
import msgspec

from queuecore.domain.duration import format_duration
from queuecore.domain.task import Task
from tests.support.service_process import plain_http

_PATIENCE_S = 10.0
"""How long the client waits for an answer: much longer than the api may take."""
_AGAIN_S = 0.2
"""When to try again if nobody says so."""


class Answer(NamedTuple):
    """What the api said."""

    status: int
    code: str
    """Of an error; else empty."""
    retry_after: str | None
    took_s: float


class Posting:
    """Posts tasks over a few connections at a steady pace, as long as the block lasts.

    Each task is posted with its id as ``Idempotency-Key`` until the api has taken it, as often as ``Retry-After``
    allows.

    Args:
        url: the api.
        make_task: what to post next.
        connections: how many tasks are posted at once.
        pause_s: between the tasks of a connection.
    """

    def __init__(self, url: str, make_task: Callable[[], Task], *, connections: int = 4, pause_s: float = 0.02) -> None:
        self._make_task = make_task
        self._connections = connections
        self._pause_s = pause_s
        self._stopped = asyncio.Event()
        self._http = plain_http(url, _PATIENCE_S)
        self.accepted: list[Task] = []
        self.answers: list[Answer] = []
        self.broken = 0
        """Requests without an answer: the connection was lost."""

    async def __aenter__(self) -> Self:
        self._posters = [asyncio.create_task(self._post_on()) for _ in range(self._connections)]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._stopped.set()
        if kind is not None:
            for poster in self._posters:
                poster.cancel()
        await asyncio.gather(*self._posters, return_exceptions=kind is not None)
        await self._http.aclose()

    @property
    def refusals(self) -> list[Answer]:
        """The answers that were errors."""
        return [answer for answer in self.answers if answer.status != httpx.codes.CREATED]

    async def _post_on(self) -> None:
        while not self._stopped.is_set():
            task = self._make_task()
            pause_s = await self._post(task)
            while pause_s is not None:
                await asyncio.sleep(pause_s)
                pause_s = await self._post(task)
            self.accepted.append(task)
            await asyncio.sleep(self._pause_s)

    async def _post(self, task: Task) -> float | None:
        """Post once; seconds until the next try, none when the task was taken."""
        began_at_s = asyncio.get_running_loop().time()
        try:
            answer = await self._http.post("/api/v1/tasks", content=_body(task), headers={"Idempotency-Key": task.id})
        except httpx.TransportError:
            self.broken += 1
            return _AGAIN_S
        took_s = asyncio.get_running_loop().time() - began_at_s
        taken = answer.status_code == httpx.codes.CREATED
        code = "" if taken else str(answer.json()["code"])
        retry_after = answer.headers.get("Retry-After")
        self.answers.append(Answer(answer.status_code, code, retry_after, took_s))
        return None if taken else float(retry_after or _AGAIN_S)


def _body(task: Task) -> bytes:
    policy = task.retry_policy
    return msgspec.json.encode(
        {
            "task_id": task.id,
            "type": task.type,
            "queue": task.queue,
            "payload": msgspec.Raw(task.payload),
            "max_retries": task.max_retries,
            "priority": task.priority,
            "retry_policy": {"base": format_duration(policy.base_ms), "max": format_duration(policy.max_ms)},
        }
    )
