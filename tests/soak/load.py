"""The steady load: tasks of all kinds and sizes, a few of which misbehave."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import TypeVar

from queuecore.domain.task import Task
from tests.support.system import work

T = TypeVar("T")

_KINDS = {
    "coroutine": 60.0,
    "thread": 30.0,
    "child": 10.0,
    "large": 0.3,
    "deaf-coroutine": 0.2,
    "deaf-thread": 0.2,
    "exiting": 0.2,
    "killed-child": 0.5,
}
"""Kind -> weight."""
_FAILURES = {0: 90, 1: 8, 3: 2}
"""Failing first attempts -> weight."""
_LONGEST_S = 3.0
_MOST_BYTES = 1_000_000
"""Of a payload and of a result; the default limits are 1 MiB."""
_TIMEOUT_MS = 1_000
_DEAF_S = (2.0, 8.0)
"""How long a handler ignores that it timed out: shorter and longer than the worker waits for it."""


def make_tasks(dice: random.Random) -> Callable[[], Task]:
    """A function that makes the next task of the load."""

    def make() -> Task:
        kind = _choose(dice, _KINDS)
        if kind in ("exiting", "killed-child"):
            return work(kind, fail_times=1)
        if kind in ("deaf-coroutine", "deaf-thread"):
            return work(kind, fail_times=1, seconds=dice.uniform(*_DEAF_S), timeout_ms=_TIMEOUT_MS)
        if kind == "large":
            return work(
                "coroutine", padding="x" * dice.randrange(_MOST_BYTES), result_bytes=dice.randrange(1, _MOST_BYTES)
            )
        seconds = min(dice.expovariate(5 if kind == "coroutine" else 20), _LONGEST_S)
        return work(kind, seconds=seconds, fail_times=_choose(dice, _FAILURES), priority=dice.randrange(10))

    return make


def _choose(dice: random.Random, weights: Mapping[T, float]) -> T:
    return dice.choices(list(weights), list(weights.values()))[0]
