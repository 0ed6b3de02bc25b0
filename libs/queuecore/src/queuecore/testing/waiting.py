"""Waiting for what happens elsewhere, bounded, in place of sleeping."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar, overload

T = TypeVar("T")

_POLL_S = 0.01


@overload
async def eventually(look: Callable[[], Awaitable[T]], within_s: float = ...) -> T: ...


@overload
async def eventually(look: Callable[[], T], within_s: float = ...) -> T: ...


async def eventually(look: Callable[[], Any], within_s: float = 15.0) -> Any:
    """Look again and again until what is seen is true.

    Args:
        look: returns what is to become true, or something to await for it.
        within_s: how long it may take.

    Returns:
        What was seen at last.

    Raises:
        AssertionError: it did not become true in time; the message shows what was seen last.
    """
    deadline = asyncio.get_running_loop().time() + within_s
    while not (seen := await _see(look())):
        assert asyncio.get_running_loop().time() < deadline, f"still {seen!r} after {within_s} s"
        await asyncio.sleep(_POLL_S)
    return seen


async def _see(seen: Any) -> Any:
    return await seen if inspect.isawaitable(seen) else seen
