"""Calls of the API that concern the system instead of tasks: workers, types, readiness, version."""

from __future__ import annotations

from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, TypeVar

import msgspec

from taskyard.client.core.call import Answer, Call, Steps
from taskyard.client.core.exchange import Environment, exchange
from taskyard.client.core.refusal import refusal
from taskyard.client.transport import SyncTransport, perform
from taskyard.errors import NotConnected

V = TypeVar("V")

PROBE_S = 5.0
"""Time limit of a call that is not repeated."""


class WorkerInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A live worker, from its latest heartbeat."""

    worker: str
    pod: str = ""
    queues: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    slots: int = 0
    busy: int = 0
    draining: bool = False
    started_at: datetime | None = None


class TypeInfo(msgspec.Struct, frozen=True, kw_only=True):
    """A registered task type."""

    type: str
    schema: Any = None
    """JSON Schema of its payload."""


class Readiness(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of the readiness probe."""

    problem: str | None
    """Why the API is not ready; ``None`` when it is."""
    answered_at: datetime | None
    """The time of the server's clock."""


class _NotReady(msgspec.Struct):
    message: str


class _Info(msgspec.Struct):
    version: str


class _Document(msgspec.Struct):
    info: _Info


class Api:
    """The system's side of the API.

    Args:
        url: its address, for messages.
        transport: sends the calls.
        timeout_s: time limit of each call, with its repeats.
    """

    def __init__(self, url: str, transport: SyncTransport, timeout_s: float) -> None:
        self._transport = transport
        self._env = Environment(url=url, timeout_s=timeout_s)

    def workers(self) -> list[WorkerInfo]:
        """The live workers, sorted by name.

        Raises:
            NotConnected: the API did not answer.
        """
        found = self._read("/api/v1/workers", "list workers", list[WorkerInfo])
        return sorted(found, key=lambda each: (each.pod, each.worker))

    def types(self) -> list[TypeInfo]:
        """The registered task types, sorted.

        Raises:
            NotConnected: the API did not answer.
        """
        return sorted(self._read("/api/v1/types", "list types", list[TypeInfo]), key=lambda each: each.type)

    def version(self) -> str:
        """The release of the API.

        Raises:
            NotConnected: the API did not answer.
        """
        return self._read("/schema/openapi.json", "read the OpenAPI document", _Document).info.version

    def readiness(self) -> Readiness:
        """Probe the API once.

        Raises:
            NotConnected: it did not answer.
        """
        call = Call(method="GET", path="/ready", operation="check readiness", repeatable=True)
        answer = self._transport.send(call, PROBE_S)
        if not isinstance(answer, Answer):
            raise NotConnected(f"{self._env.url} does not answer: {answer.reason}")
        return Readiness(problem=self._problem(call, answer), answered_at=_date(answer))

    def _problem(self, call: Call, answer: Answer) -> str | None:
        if answer.status == 200:
            return None
        try:
            return msgspec.json.decode(answer.body, type=_NotReady).message
        except msgspec.DecodeError as error:
            raise refusal(self._env.url, call, answer) from error

    def _read(self, path: str, operation: str, kind: type[V]) -> V:
        call = Call(method="GET", path=path, operation=operation, repeatable=True)
        return perform(self._steps(call, kind), self._transport)

    def _steps(self, call: Call, kind: type[V]) -> Steps[V]:
        answer = yield from exchange(call, self._env)
        try:
            return msgspec.json.decode(answer.body, type=kind)
        except msgspec.DecodeError as error:
            raise refusal(self._env.url, call, answer) from error


def _date(answer: Answer) -> datetime | None:
    try:
        return parsedate_to_datetime(answer.headers["date"])
    except (KeyError, ValueError):
        return None
