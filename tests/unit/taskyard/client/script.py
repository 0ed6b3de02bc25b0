"""A script of answers for the steps of an operation, without time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

import msgspec

from taskyard.client.core.call import Answer, Call, Done, Failure, Send, Steps, advance
from taskyard.client.core.exchange import Environment

R = TypeVar("R")
URL = "http://api"
UNREACHABLE = Failure("ConnectError: refused", sent=False)
CUT = Failure("ReadError: connection lost", sent=True)


def answer(status: int = 200, body: Any = None, headers: Mapping[str, str] | None = None) -> Answer:
    return Answer(status, headers or {}, body if isinstance(body, bytes) else msgspec.json.encode(body))


def error(status: int, code: str, headers: Mapping[str, str] | None = None, **details: Any) -> Answer:
    return answer(status, {"error": "no", "code": code, "details": details}, headers)


class Script:
    """Performs operations: answers calls in order, the last answer again and again; pauses advance its clock.

    Args:
        answers: the answers and failures.
        send_s: duration of each call.
    """

    def __init__(self, answers: Iterable[Answer | Failure], *, send_s: float = 0.0) -> None:
        self._answers = list(answers)
        self._send_s = send_s
        self.now_s = 1_000.0
        self.calls: list[Call] = []
        self.pauses: list[float] = []
        self.timeouts: list[float] = []
        self.env = Environment(
            url=URL, timeout_s=30.0, clock=lambda: self.now_s, now=lambda: 1_700_000_000.0, random=lambda: 0.0
        )

    def perform(self, steps: Steps[R]) -> R:
        step = advance(steps, None)
        while not isinstance(step, Done):
            if isinstance(step, Send):
                step = advance(steps, self._receive(step))
            else:
                self.pauses.append(step.seconds)
                self.now_s += step.seconds
                step = advance(steps, None)
        return step.result

    def _receive(self, step: Send) -> Answer | Failure:
        self.calls.append(step.call)
        self.timeouts.append(step.timeout_s)
        received = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        self.now_s += step.timeout_s if received is CUT else self._send_s
        return received
