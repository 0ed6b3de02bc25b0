"""Producer over HTTP: posts tasks at a steady pace and retries each until it is accepted."""

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

_TIMEOUT_S = 10.0
"""Request timeout, well above the API's own limits."""
_RETRY_S = 0.2
"""Delay of a retry without ``Retry-After``."""


class Response(NamedTuple):
    """A response of the API."""

    status: int
    code: str
    """Error code; empty for accepted tasks."""
    retry_after: str | None
    took_s: float


class HttpProducer:
    """Posts tasks over a few connections at a steady pace until the block ends.

    Each task is posted with its id as ``Idempotency-Key``, and retried after ``Retry-After`` until it is accepted.

    Args:
        url: of the API.
        make_task: builds the next task.
        connections: number of concurrent posts.
        pause_s: pause between the tasks of a connection.
    """

    def __init__(self, url: str, make_task: Callable[[], Task], *, connections: int = 4, pause_s: float = 0.02) -> None:
        self._make_task = make_task
        self._connections = connections
        self._pause_s = pause_s
        self._stopped = asyncio.Event()
        self._http = plain_http(url, _TIMEOUT_S)
        self.accepted: list[Task] = []
        self.responses: list[Response] = []
        self.disconnects = 0
        """Requests without a response, because the connection was lost."""

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
    def rejections(self) -> list[Response]:
        """Responses with an error."""
        return [answer for answer in self.responses if answer.status != httpx.codes.CREATED]

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
        """Post once; the delay of the retry in seconds, or ``None`` for an accepted task."""
        began_at_s = asyncio.get_running_loop().time()
        try:
            answer = await self._http.post("/api/v1/tasks", content=_body(task), headers={"Idempotency-Key": task.id})
        except httpx.TransportError:
            self.disconnects += 1
            return _RETRY_S
        took_s = asyncio.get_running_loop().time() - began_at_s
        taken = answer.status_code == httpx.codes.CREATED
        code = "" if taken else str(answer.json()["code"])
        retry_after = answer.headers.get("Retry-After")
        self.responses.append(Response(answer.status_code, code, retry_after, took_s))
        return None if taken else float(retry_after or _RETRY_S)


def _body(task: Task) -> bytes:
    policy = task.retry_policy
    return msgspec.json.encode(
        {
            "task_id": task.id,
            "type": task.type,
            "queue": task.queue,
            "payload": msgspec.Raw(task.payload),
            "max_retries": task.max_retries,
            "timeout": format_duration(task.timeout_ms),
            "priority": task.priority,
            "retry_policy": {"base": format_duration(policy.base_ms), "max": format_duration(policy.max_ms)},
        }
    )
