"""Calls of the API, their answers, and the steps of an operation.

An operation is a generator: it yields what it needs (:class:`Send`, :class:`Pause`), receives an :class:`Answer` or a
:class:`Failure` for each :class:`Send`, and returns its result. It does no I/O itself, so one operation serves the
client of coroutines and that of plain functions.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Generic, TypeAlias, TypeVar

import msgspec

from taskyard.request import Request

R = TypeVar("R")


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One HTTP request."""

    method: str
    path: str
    """Path and query."""
    operation: str
    """Name of the operation, for messages."""
    body: bytes | None = None
    """A JSON object."""
    headers: Mapping[str, str] = {}
    repeatable: bool
    """True when a call that is executed twice has the effect of one."""
    requests: tuple[Request[object], ...] = ()
    """The requests that it enqueues; a transport of tests records them."""
    awaits_end: bool = False
    """True for a read by a caller who waits for the end of the task."""


class Answer(msgspec.Struct, frozen=True):
    """An HTTP response."""

    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes


class Failure(msgspec.Struct, frozen=True):
    """A request without a response."""

    reason: str
    """For people."""
    sent: bool
    """False when the server certainly has not received the request."""


class Send(msgspec.Struct, frozen=True):
    """A step: send the call, and wait for the answer no longer than this."""

    call: Call
    timeout_s: float


class Pause(msgspec.Struct, frozen=True):
    """A step: wait."""

    seconds: float


Steps: TypeAlias = Generator[Send | Pause, Answer | Failure | None, R]
"""The steps of an operation with the result ``R``."""


class Done(msgspec.Struct, Generic[R], frozen=True):
    """The end of the steps."""

    result: R


def advance(steps: Steps[R], received: Answer | Failure | None) -> Send | Pause | Done[R]:
    """Pass what a step has brought to the operation and return its next step; its exceptions propagate."""
    try:
        return steps.send(received)
    except StopIteration as end:
        return Done(end.value)
