"""Waiting for a condition, with a bound, in place of sleeping."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

T = TypeVar("T")

_POLL_S = 0.01


@overload
async def eventually(condition: Callable[[], Awaitable[T]], within_s: float = ...) -> T: ...


@overload
async def eventually(condition: Callable[[], T], within_s: float = ...) -> T: ...


async def eventually(condition: Callable[[], Any], within_s: float = 15.0) -> Any:
    """Poll a condition until it is true.

    Args:
        condition: returns a value, or an awaitable of it.
        within_s: the time limit.

    Returns:
        The first true value.

    Raises:
        AssertionError: the condition did not become true in time; the message has its last value.
    """
    deadline = asyncio.get_running_loop().time() + within_s
    while not (value := await _value(condition())):
        assert asyncio.get_running_loop().time() < deadline, f"still {value!r} after {within_s} s"
        await asyncio.sleep(_POLL_S)
    return value


async def _value(result: Any) -> Any:
    return await result if inspect.isawaitable(result) else result
