"""One call with its repeats: a sequence of attempts within a total time limit. Pure.

A call is repeated when that is safe: it is idempotent, or the server has certainly not received it.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable

import msgspec

from taskyard.client.core.call import Answer, Call, Failure, Pause, Send, Steps
from taskyard.client.core.refusal import refusal, retry_after_s
from taskyard.errors import NotConnected

ATTEMPT_S = 10.0
"""Time limit of one attempt; the rest of the total is left for another."""
SHORTEST_ATTEMPT_S = 0.1
"""No attempt begins with less time left: its own end would hide the cause of those before."""
FIRST_PAUSE_S = 0.05
LONGEST_PAUSE_S = 2.0
MOST_SERVER_FAULTS = 3
"""Attempts that the server may fail with 500: a fault of the server rarely ends by itself."""

_REPEATED = frozenset({408, 429, 502, 503, 504})
"""Statuses that end by themselves."""


class Environment(msgspec.Struct, frozen=True, kw_only=True):
    """The surroundings of an operation."""

    url: str
    """Address of the API, for messages."""
    timeout_s: float
    """Total time limit of a call, with its repeats."""
    clock: Callable[[], float] = time.monotonic
    """In seconds."""
    now: Callable[[], float] = time.time
    """Unix time in seconds."""
    random: Callable[[], float] = random.random
    """Returns values in [0, 1), for the jitter of pauses."""


def exchange(call: Call, env: Environment, timeout_s: float | None = None) -> Steps[Answer]:
    """Send a call, repeat it while that is safe, and return the successful answer.

    Args:
        call: the call.
        env: the surroundings.
        timeout_s: total time limit; ``None``: the one of the surroundings.

    Raises:
        NotConnected: no answer arrived within the time limit.
        Refused: the API answered with an error.
    """
    total_s = env.timeout_s if timeout_s is None else timeout_s
    end_at = env.clock() + total_s
    attempts = 0
    while True:
        received = yield Send(call, max(0.001, min(ATTEMPT_S, end_at - env.clock())))
        assert received is not None
        attempts += 1
        if isinstance(received, Answer) and received.status < 300:
            return received
        pause_s = _pause_s(call, received, attempts, env)
        if pause_s is None or env.clock() + pause_s + SHORTEST_ATTEMPT_S > end_at:
            raise _error(call, received, env, total_s, attempts)
        yield Pause(pause_s)


def pause_after(attempts: int, env: Environment) -> float:
    """Seconds before another attempt: they double, with jitter, because many clients must not repeat in step."""
    longest_s = min(FIRST_PAUSE_S * 2.0 ** (attempts - 1), LONGEST_PAUSE_S)
    return longest_s * (0.5 + env.random() / 2)


def is_repeated(status: int, attempts: int) -> bool:
    """True when a call that was answered like this may succeed later."""
    return status in _REPEATED or (status == 500 and attempts < MOST_SERVER_FAULTS)


def _pause_s(call: Call, received: Answer | Failure, attempts: int, env: Environment) -> float | None:
    """Seconds before another attempt; ``None`` for no other attempt."""
    if isinstance(received, Failure):
        return pause_after(attempts, env) if call.repeatable or not received.sent else None
    if not call.repeatable or not is_repeated(received.status, attempts):
        return None
    return max(pause_after(attempts, env), retry_after_s(received) or 0.0)


def _error(call: Call, received: Answer | Failure, env: Environment, total_s: float, attempts: int) -> Exception:
    if isinstance(received, Answer):
        return refusal(env.url, call, received)
    effect = "" if call.repeatable or not received.sent else "; whether it took effect is unknown"
    return NotConnected(
        f"{call.operation}: {env.url} did not answer within {total_s:g}s ({attempts} attempts, the last: "
        f"{received.reason}){effect}; is the API running there, and is TASKYARD_URL its address?"
    )
